/** A course's page: what it teaches, how far one is, what happens next. */
import { h } from '../dom.js';
import { duration, hours, plural } from '../format.js';
import { STATUS, progressBar } from '../courseparts.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { linked } from '../markup.js';
import { backHead, confirmDialog } from '../parts.js';
import { face, nameLink } from '../people.js';
import { actionButton } from '../switches.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { sessionCard } from './sessions.js';

export const teaches = (course, user) => course.instructorUserId === user.id || user.role === 'admin';

export function courseView(app, id) {
  const page = loaded(() => app.client.learning.outline(id), (outline) => {
    setTitle(outline.course.title);
    return draw(app, outline, () => page.reload());
  }, { className: 'stack' });
  return { title: 'Course', element: h('div', { class: 'narrow' }, page.element), close: page.close };
}

function draw(app, outline, reload) {
  const { course, enrollment, levels, sessions, clips } = outline;
  const teaching = teaches(course, app.client.user);
  const inside = Boolean(enrollment) || teaching;
  return [
    backHead(app, course.title),
    h('section', { class: 'card stack', 'aria-label': 'About this course' },
      h('div', { class: 'row' }, face(course.instructor), h('div', { class: 'grow' }, nameLink(course.instructor), h('p', { class: 'hint', text: facts(outline) }))),
      course.description && h('p', { class: 'user-text prose', text: '' }, linked(course.description)),
      course.skill && h('p', {}, h('a', { class: 'tag', href: `#/skills/${course.skill.id}`, text: course.skill.name })),
      teaching ? teacherBar(course) : enrollmentBar(app, outline, reload)),
    (sessions.length > 0 || teaching) && h('section', {},
      h('div', { class: 'section-head' }, h('h2', { class: 'section-title', text: 'Sessions' }),
        teaching && h('a', { class: 'button small', href: `#/create/courses/${course.id}` }, icon('plus', 16), h('span', { text: 'New session' }))),
      sessions.length ? h('ul', { class: 'cards' }, sessions.map((session) => sessionCard(app, session, { inside, named: false })))
        : h('p', { class: 'hint', text: 'Sessions that you plan for this course stand here.' })),
    ...levels.map((level, index) => levelSection(level, index, inside)),
    levels.length === 0 && h('p', { class: 'hint none', text: 'This course has no lessons yet.' }),
    clips?.length > 0 && clipSection(clips),
  ];
}

function facts({ course, levels, assignmentsCount }) {
  const lessons = levels.reduce((sum, level) => sum + level.lessons.length, 0);
  return [course.courseCode, plural(lessons, 'lesson'), course.duration ? hours(course.duration) : null, assignmentsCount ? plural(assignmentsCount, 'assignment') : null,
    `${course.enrolledCount} enrolled`].filter(Boolean).join(' · ');
}

function teacherBar(course) {
  return h('div', { class: 'row wrap' }, h('span', { class: course.published ? 'label good' : 'label', text: course.published ? 'Published' : 'Draft: only you see it' }), h('span', { class: 'grow' }),
    h('a', { class: 'button', href: `#/courses/${course.id}/students` }, icon('people', 18), h('span', { text: 'Students' })),
    h('a', { class: 'button primary', href: `#/courses/${course.id}/edit` }, icon('edit', 18), h('span', { text: 'Edit' })));
}

function enrollmentBar(app, { course, enrollment, progress, levels }, reload) {
  const { learning } = app.client;
  if (!enrollment) {
    const enroll = actionButton(h('button', { class: 'button primary', type: 'button', text: 'Enroll' }), async () => {
      await learning.enroll(course.id);
      toast(`You take “${course.title}” now.`);
      await reload();
    });
    return h('div', { class: 'row' }, enroll, h('span', { class: 'hint', text: 'Lessons are for those who take the course.' }));
  }
  const next = levels.flatMap(({ lessons }) => lessons).find(({ completionStatus }) => completionStatus !== 'completed');
  const leave = actionButton(h('button', { class: 'button', type: 'button', text: 'Leave' }), async () => {
    const sure = await confirmDialog({ title: 'Leave this course?', text: 'You cannot read its lessons any more. What you completed is kept for when you come back.', confirm: 'Leave' });
    if (sure) await learning.leave(enrollment.id).then(reload);
  });
  return h('div', { class: 'stack tight' }, progressBar(progress.percent, 'Your progress'),
    h('div', { class: 'row wrap' }, h('p', { class: 'hint grow', text: progress.lessons ? `${progress.completed} of ${plural(progress.lessons, 'lesson')} completed` : '' }),
      leave,
      next && h('a', { class: 'button primary', href: `#/lessons/${next.id}` }, h('span', { text: progress.completed || progress.inProgress ? 'Continue' : 'Begin' }), icon('next', 18))));
}

function levelSection(level, index, inside) {
  const id = `level-${level.id}`;
  return h('section', { 'aria-labelledby': id }, h('h2', { class: 'section-title', id }, h('span', { class: 'user-text', text: `${index + 1}. ${level.title}` })),
    level.lessons.length ? h('ol', { class: 'card flush lessons' }, level.lessons.map((lesson) => lessonRow(lesson, inside))) : h('p', { class: 'hint', text: 'No lessons yet.' }));
}

function lessonRow(lesson, inside) {
  const status = STATUS[lesson.completionStatus];
  const sign = h('span', { class: `status ${lesson.completionStatus ?? ''}` }, icon(status?.symbol ?? (inside ? 'file' : 'lock')));
  const words = [h('span', { class: 'grow user-text', text: lesson.title }), lesson.assignmentsCount > 0 && h('span', { class: 'hint row tasks' }, icon('task', 16), plural(lesson.assignmentsCount, 'assignment')),
    status && h('span', { class: 'sr-only', text: status.text })];
  return h('li', {}, inside ? h('a', { class: 'lesson-row', href: `#/lessons/${lesson.id}` }, sign, words) : h('span', { class: 'lesson-row closed' }, sign, words));
}

function clipSection(clips) {
  return h('section', {}, h('h2', { class: 'section-title', text: 'Clips' }), h('ul', { class: 'card flush lessons' }, clips.map((clip) => {
    const words = [h('span', { class: 'status' }, icon('play')), h('span', { class: 'grow' }, h('span', { class: 'user-text', text: clip.title }), clip.description && h('span', { class: 'hint block', text: clip.description })),
      clip.duration && h('span', { class: 'hint', text: duration(clip.duration) })];
    return h('li', {}, h('a', { class: 'lesson-row', href: `#/clips/${clip.id}` }, words));
  })));
}
