/** A skill: what it is, courses that teach it, people who have it. */
import { h } from '../dom.js';
import { courseCard } from '../courseparts.js';
import { loaded, pagedList } from '../list.js';
import { backHead } from '../parts.js';
import { personRow } from '../personrow.js';

export function skillView(app, id) {
  const { people, learning } = app.client;
  const none = (text) => () => h('p', { class: 'hint none', text });
  const courses = pagedList({ label: 'Courses', load: (cursor) => learning.courses({ skillId: id, published: true, limit: 10, cursor }), item: (course) => courseCard(course), none: none('No courses yet.') });
  const persons = pagedList({ label: 'People', className: 'card people-list', load: (cursor) => people.list({ skill: id, limit: 20, cursor }), item: (person) => personRow(app, person), none: none('Nobody yet.') });
  const page = loaded(() => people.skill(id), (skill) => [backHead(app, skill.name),
    skill.category && h('p', { class: 'hint', text: skill.category }), skill.description && h('p', { class: 'user-text', text: skill.description }),
    h('h2', { class: 'section-title', text: 'Courses' }), courses.element,
    h('h2', { class: 'section-title', text: 'People' }), persons.element]);
  return { title: 'Skill', element: h('div', { class: 'narrow' }, page.element), close() { page.close(); courses.close(); persons.close(); } };
}
