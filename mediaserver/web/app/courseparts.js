/** Courses as they stand in lists, and bars that say how far one has come. */
import { h } from './dom.js';
import { hours, plural } from './format.js';
import { icon } from './icons.js';

/** @param {number} percent */
export const progressBar = (percent, label) => h('div', { class: 'progress' },
  h('progress', { max: 100, value: percent, 'aria-label': label }), h('span', { class: 'hint', text: `${percent} %` }));

/** @param {import('../sdk/types.js').Course} course @param {import('../sdk/types.js').Reached | null} [progress] for whoever takes it */
export function courseCard(course, progress = null) {
  const facts = [course.skill?.name, course.lessonsCount !== undefined && plural(course.lessonsCount, 'lesson'), course.duration ? hours(course.duration) : null,
    course.enrolledCount ? `${course.enrolledCount} enrolled` : null].filter(Boolean).join(' · ');
  return h('li', {}, h('a', { class: 'card course-card', href: `#/courses/${course.id}` },
    h('span', { class: 'kind course' }, icon('book')),
    h('span', { class: 'course-text' },
      h('strong', { class: 'user-text', text: course.title }),
      h('span', { class: 'hint', text: [course.courseCode, course.instructor && course.instructor.username].filter(Boolean).join(' · ') }),
      facts && h('span', { class: 'hint', text: facts })),
    course.published === false && h('span', { class: 'label', text: 'Draft' }),
    progress && progressBar(progress.percent, `Your progress in ${course.title}`)));
}

/** The same in one line, for the side of a page. */
export const courseLine = (course, progress) => h('a', { class: 'course-line', href: `#/courses/${course.id}` }, h('strong', { class: 'user-text', text: course.title }),
  progress && progressBar(progress.percent, `Your progress in ${course.title}`));

/** Which sign says how far one is with a lesson, and in words. */
export const STATUS = {
  completed: { symbol: 'done', text: 'Completed' },
  'in-progress': { symbol: 'begun', text: 'Begun' },
  'not-started': { symbol: 'open', text: 'Not begun' },
};
