/** A lesson: its content, how far one is with it, its assignments, and where it goes on. */
import { fill, h } from '../dom.js';
import { blockElement } from '../blocks.js';
import { progressBar } from '../courseparts.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { empty, spinner } from '../parts.js';
import { sentence } from '../sentences.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { assignmentSection } from './assignments.js';
import { teaches } from './course.js';

export function lessonView(app, id) {
  const { learning } = app.client;
  const load = async () => {
    const lesson = await learning.lesson(id);
    return { lesson, outline: await learning.outline(lesson.courseId) };
  };
  const page = loaded(() => load().catch((error) => {
    if (error.code === 'not_enrolled') return { refused: true };
    throw error;
  }), (found) => {
    if (found.refused) return refused();
    setTitle(found.lesson.title);
    return draw(app, found, () => page.reload());
  }, { className: 'stack' });
  return { title: 'Lesson', element: h('article', { class: 'narrow lesson' }, page.element), close: page.close };
}

const refused = () => empty('lock', 'This lesson is for those who take its course', 'Enroll in the course, then come back.', h('a', { class: 'button', href: '#/courses', text: 'All courses' }));

function draw(app, { lesson, outline }) {
  const { course, levels } = outline;
  const all = levels.flatMap((level) => level.lessons);
  const at = all.findIndex((each) => each.id === lesson.id);
  const level = levels.find((each) => each.id === lesson.levelId);
  const teaching = teaches(course, app.client.user);
  return [
    h('nav', { class: 'crumbs hint', 'aria-label': 'Where you are' }, h('a', { class: 'user-text', href: `#/courses/${course.id}`, text: course.title }), level && h('span', { class: 'user-text', text: level.title })),
    h('div', { class: 'page-head flat' }, h('h1', { class: 'user-text', text: lesson.title }),
      teaching && h('span', { class: 'row lesson-acts' }, h('a', { class: 'icon-button', href: `#/create/lessons/${lesson.id}`, 'aria-label': 'New live class', title: 'New live class' }, icon('live')),
        h('a', { class: 'button', href: `#/lessons/${lesson.id}/edit` }, icon('edit', 18), h('span', { text: 'Edit' })))),
    h('div', { class: 'blocks' }, lesson.content.length ? lesson.content.map(blockElement) : h('p', { class: 'hint', text: 'This lesson has no content yet.' })),
    assignmentSection(app, lesson, { teaching }),
    foot(app, { lesson, outline, previous: all[at - 1], next: all[at + 1], own: all[at] }),
  ];
}

function foot(app, { lesson, outline, previous, next, own }) {
  const place = h('div', { class: 'lesson-foot stack' });
  if (outline.enrollment) place.append(completion(app, lesson, outline, own));
  place.append(h('nav', { class: 'row lesson-steps', 'aria-label': 'Lessons' },
    previous ? h('a', { class: 'button', href: `#/lessons/${previous.id}`, 'aria-label': `Previous lesson: ${previous.title}` }, icon('back', 18), h('span', { text: 'Previous' })) : h('span'),
    h('span', { class: 'grow' }),
    next ? h('a', { class: 'button', href: `#/lessons/${next.id}`, 'aria-label': `Next lesson: ${next.title}` }, h('span', { text: 'Next' }), icon('next', 18))
      : h('a', { class: 'button', href: `#/courses/${outline.course.id}`, text: 'Back to the course' })));
  return place;
}

/** Opening a lesson begins it; completing is a button, which can be taken back. */
function completion(app, lesson, outline, own) {
  const { learning } = app.client;
  const element = h('div', { class: 'completion card', role: 'group', 'aria-label': 'Your progress' }, spinner());
  let status = own.completionStatus;
  const draw_ = (progress, focus = false) => {
    const completed = status === 'completed';
    const button = h('button', { class: completed ? 'button' : 'button primary', type: 'button', onclick: () => turn(completed ? 'in-progress' : 'completed'),
      text: completed ? 'Mark as not completed' : 'Mark as completed' });
    fill(element, h('div', { class: 'row wrap' }, h('p', { class: 'completion-text grow', role: 'status' }, completed && icon('done'), h('span', { text: completed ? 'You completed this lesson.' : 'Done with this lesson?' })), button),
      progressBar(progress.percent, 'Your progress in this course'));
    if (focus) button.focus();
  };
  const turn = async (to) => {
    element.querySelector('button').disabled = true;
    try {
      await learning.setProgress(lesson.id, to);
      status = to;
      const { progress } = await learning.outline(lesson.courseId);
      draw_(progress, true);
      if (progress.percent === 100 && to === 'completed') toast('You completed the whole course. Well done!');
    } catch (error) {
      toast(sentence(error), { error: true });
      element.querySelector('button').disabled = false;
    }
  };
  draw_(outline.progress);
  if (status === 'not-started') learning.setProgress(lesson.id, 'in-progress').then(() => { if (status === 'not-started') status = 'in-progress'; }, () => {}); // the button still works
  return element;
}
