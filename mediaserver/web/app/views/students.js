/** Who takes a course, and how far each has come. */
import { h } from '../dom.js';
import { plural } from '../format.js';
import { progressBar } from '../courseparts.js';
import { pagedList } from '../list.js';
import { backHead, empty } from '../parts.js';
import { face, nameLink } from '../people.js';
import { agoTime } from '../time.js';

export function studentsView(app, courseId) {
  const { learning } = app.client;
  const list = pagedList({
    label: 'Students', className: 'card people-list', idOf: (student) => student.enrollmentId,
    load: (cursor) => learning.students(courseId, { limit: 50, cursor }),
    item: (student) => h('li', { class: 'person-row student' }, face(student.user),
      h('div', { class: 'person-text' }, nameLink(student.user), h('span', { class: 'hint' }, `${student.completed} of ${plural(student.lessons, 'lesson')}`, student.lastActivity && ' · ', student.lastActivity && agoTime(student.lastActivity))),
      progressBar(student.percent, `Progress of ${student.user.username}`)),
    none: () => empty('people', 'Nobody takes this course yet', 'As soon as somebody enrolls, they stand here.'),
  });
  return { title: 'Students', element: h('div', { class: 'narrow' }, backHead(app, 'Students'), list.element), close: list.close };
}
