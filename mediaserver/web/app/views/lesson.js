/** A lesson: its content, how far one is with it, its assignments, and where it goes on. */
import { fill, h } from '../dom.js';
import { blockElement } from '../blocks.js';
import { progressBar } from '../courseparts.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { empty } from '../parts.js';
import { switchButton } from '../switches.js';
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

/** Opening a lesson begins it; completing it is a button, and can be undone. The button stays the same element, and keeps the focus. */
function completion(app, lesson, outline, own) {
  const { learning } = app.client;
  const button = h('button', { type: 'button' });
  const text = h('p', { class: 'completion-text grow', role: 'status' });
  const bar = h('div', {}, progressBar(outline.progress.percent, 'Your progress in this course'));
  let status = own.completionStatus;
  const begun = status === 'not-started' && learning.setProgress(lesson.id, 'in-progress').catch(() => {}); // the button still works
  switchButton(button, {
    pressed: false,
    current: () => status === 'completed',
    send: async (completed) => {
      await begun; // which may not arrive after what follows
      const to = completed ? 'completed' : 'in-progress';
      await learning.setProgress(lesson.id, to);
      status = to;
      const { progress } = await learning.outline(lesson.courseId);
      fill(bar, progressBar(progress.percent, 'Your progress in this course'));
      if (progress.percent === 100 && completed) toast('You completed the whole course. Well done!');
    },
    draw: (completed) => {
      button.className = completed ? 'button' : 'button primary';
      button.textContent = completed ? 'Mark as not completed' : 'Mark as completed';
      fill(text, completed && icon('done'), h('span', { text: completed ? 'You completed this lesson.' : 'Done with this lesson?' }));
    },
  });
  return h('div', { class: 'completion card', role: 'group', 'aria-label': 'Your progress' }, h('div', { class: 'row wrap' }, text, button), bar);
}
