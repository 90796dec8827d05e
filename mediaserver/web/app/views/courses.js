/** Courses: all that are open, those one takes, those one teaches. */
import { fill, h, show } from '../dom.js';
import { courseCard } from '../courseparts.js';
import { icon } from '../icons.js';
import { pagedList } from '../list.js';
import { empty } from '../parts.js';

const WAIT_MS = 350;
const LIMIT = 20;

export const mayTeach = (user) => user?.role === 'instructor' || user?.role === 'admin';

export function coursesView(app, place = 'all') {
  const { learning, user } = app.client;
  const lists = {
    all: { label: 'All', load: (cursor, q) => learning.courses({ published: true, sort: q ? undefined : '-createdAt', q, limit: LIMIT, cursor }), item: (course) => courseCard(course),
      none: (q) => (q ? empty('search', 'No such course', 'Whole words are looked for. Try another one.') : empty('book', 'No courses yet', 'Courses stand here as soon as an instructor publishes one.')) },
    mine: { label: 'Mine', load: (cursor) => learning.enrollments({ userId: user.id, limit: LIMIT, cursor }), item: ({ course, progress }) => course && courseCard(course, progress),
      none: () => empty('book', 'You take no course yet', 'Look through all courses and enroll in one.', h('a', { class: 'button', href: '#/courses', text: 'All courses' })) },
    teaching: { label: 'Teaching', load: (cursor) => learning.courses({ instructorUserId: user.id, limit: LIMIT, cursor }), item: (course) => courseCard(course),
      none: () => empty('book', 'You teach no course yet', 'Make one: it is seen by nobody until you publish it.') },
  };
  const chosen = lists[place] ?? lists.all;
  const results = h('div', { class: 'results' });
  let list = null;
  const draw = (words) => {
    list?.close();
    list = pagedList({ label: 'Courses', load: (cursor) => chosen.load(cursor, words || undefined), item: chosen.item, none: () => chosen.none(words) });
    fill(results, list.element);
  };
  const form = searchForm(draw);
  show(form.element, chosen === lists.all);
  draw('');
  const tab = (name) => h('a', { class: 'tab', href: name === 'all' ? '#/courses' : `#/courses/${name}`, 'aria-current': chosen === lists[name] ? 'page' : null, text: lists[name].label });
  const element = h('div', { class: 'stack' },
    h('div', { class: 'page-head flat' }, h('h1', { text: 'Courses' }),
      mayTeach(user) && h('a', { class: 'button primary', href: '#/courses/new' }, icon('plus'), h('span', { text: 'New course' }))),
    h('div', { class: 'row wrap' }, h('nav', { class: 'tabs', 'aria-label': 'Which courses' }, tab('all'), tab('mine'), mayTeach(user) && tab('teaching')), form.element),
    results);
  return { title: 'Courses', element, close() { form.close(); list.close(); } };
}

function searchForm(draw) {
  const input = h('input', { class: 'input', type: 'search', 'aria-label': 'Search courses', placeholder: 'Search courses', maxlength: 200 });
  let timer = null;
  const search = () => draw(input.value.trim());
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  const element = h('form', { class: 'search-form grow', role: 'search', onsubmit: (event) => { event.preventDefault(); clearTimeout(timer); search(); } }, icon('search'), input);
  return { element, close: () => clearTimeout(timer) };
}
