/** Who takes a course, how far each has come, and who was removed from it. */
import { h, show } from '../dom.js';
import { plural } from '../format.js';
import { progressBar } from '../courseparts.js';
import { pagedList } from '../list.js';
import { backHead, confirmDialog, empty } from '../parts.js';
import { face, nameLink } from '../people.js';
import { actionButton } from '../switches.js';
import { agoTime } from '../time.js';
import { toast } from '../toast.js';

export function studentsView(app, courseId) {
  const { learning } = app.client;
  const list = pagedList({
    label: 'Students', className: 'card people-list', idOf: (student) => student.enrollmentId,
    load: (cursor) => learning.students(courseId, { limit: 50, cursor }),
    item: (student) => h('li', { class: 'person-row student' }, face(student.user),
      h('div', { class: 'person-text' }, nameLink(student.user), h('span', { class: 'hint' }, `${student.completed} of ${plural(student.lessons, 'lesson')}`, student.lastActivity && ' · ', student.lastActivity && agoTime(student.lastActivity))),
      progressBar(student.percent, `Progress of ${student.user.username}`),
      actionButton(h('button', { class: 'button small', type: 'button', 'aria-label': `Remove ${student.user.username} from the course`, text: 'Remove' }), () => remove(student))),
    none: () => empty('people', 'Nobody takes this course yet', 'As soon as somebody enrolls, they stand here.'),
  });
  const removed = h('div', {});
  const removedList = pagedList({
    label: 'Removed students', className: 'card people-list',
    load: async (cursor) => {
      const page = await learning.removals(courseId, { limit: 50, cursor });
      show(removed, cursor !== null || page.items.length > 0);
      return page;
    },
    item: (removal) => h('li', { class: 'person-row' }, face(removal.user),
      h('div', { class: 'person-text' }, nameLink(removal.user), h('span', { class: 'hint' }, 'Removed ', agoTime(removal.createdAt))),
      actionButton(h('button', { class: 'button small', type: 'button', 'aria-label': `Readmit ${removal.user.username}`, text: 'Readmit' }), () => readmit(removal))),
    none: () => h('p', { class: 'hint', text: 'Nobody.' }),
  });
  const remove = async ({ enrollmentId, user }) => {
    const sure = await confirmDialog({ title: `Remove ${user.username}?`, text: 'They leave the course and its sessions at once, and cannot enroll again until you readmit them. Their progress and submissions stay.', confirm: 'Remove' });
    if (!sure) return;
    await learning.leave(enrollmentId);
    toast(`${user.username} was removed from the course.`);
    await Promise.all([list.reload(), removedList.reload()]);
  };
  const readmit = async ({ id, user }) => {
    await learning.readmit(id);
    toast(`${user.username} may enroll again.`);
    await removedList.reload();
  };
  show(removed, false);
  removed.append(h('h2', { text: 'Removed students' }), h('p', { class: 'hint', text: 'They cannot enroll again until you readmit them.' }), removedList.element);
  const close = () => [list, removedList].forEach((one) => one.close());
  return { title: 'Students', element: h('div', { class: 'narrow stack' }, backHead(app, 'Students'), list.element, removed), close };
}
