/** One field to find people, tweets, courses and skills. */
import { fill, h } from '../dom.js';
import { courseCard } from '../courseparts.js';
import { icon } from '../icons.js';
import { pagedList } from '../list.js';
import { empty } from '../parts.js';
import { personRow } from '../personrow.js';
import { tweetItem } from '../tweets.js';

const WAIT_MS = 350;

const SCOPES = {
  people: { label: 'People', className: 'card people-list', load: ({ people }, q, cursor) => people.list({ q, limit: 20, cursor }), item: (app, person) => personRow(app, person) },
  tweets: { label: 'Tweets', className: 'card flush tweets', load: ({ tweets }, q, cursor) => tweets.list({ q, limit: 20, cursor }),
    item: (app, tweet, list) => tweetItem(app, tweet, { removed: (element) => list.remove(element) }) },
  courses: { label: 'Courses', className: 'cards', load: ({ learning }, q, cursor) => learning.courses({ q, limit: 20, cursor }), item: (app, course) => courseCard(course) },
  skills: { label: 'Skills', className: 'cards', load: ({ people }, q, cursor) => people.skills({ q, limit: 20, cursor }), item: (app, skill) => skillCard(skill) },
};

export function searchView(app, scope = 'people', query = '') {
  const state = { scope: SCOPES[scope] ? scope : 'people', query: query ?? '', list: null };
  const results = h('div', { class: 'results' });
  const input = h('input', { class: 'input', type: 'search', name: 'q', 'aria-label': 'Search', placeholder: 'People, tweets, courses, skills', value: state.query, maxlength: 200 });
  const tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Search in' });
  const draw = () => {
    fill(tabs, Object.entries(SCOPES).map(([name, { label }]) => h('button', { class: 'tab', type: 'button', 'aria-pressed': String(name === state.scope), text: label,
      onclick: () => { state.scope = name; search(); tabs.querySelector('[aria-pressed=true]').focus(); } })));
    state.list?.close();
    state.list = listOf(app, state);
    fill(results, state.list.element);
  };
  const search = () => {
    state.query = input.value.trim();
    // The address names what is looked for, so that it can be shared and found again by going back.
    history.replaceState(history.state, '', `#/search/${state.scope}${state.query ? `/${encodeURIComponent(state.query)}` : ''}`);
    draw();
  };
  let timer = null;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  const form = h('form', { class: 'search-form', role: 'search', onsubmit: (event) => { event.preventDefault(); clearTimeout(timer); search(); } }, icon('search'), input);
  draw();
  const element = h('div', { class: 'narrow stack' }, h('h1', { text: 'Search' }), form, h('div', { class: 'scroll-x' }, tabs), results);
  return { title: 'Search', element, focus: () => input.focus(), close() { clearTimeout(timer); state.list.close(); } };
}

/** Without words: the newest, to look around. */
function listOf(app, { scope, query }) {
  const { label, className, load, item } = SCOPES[scope];
  const list = pagedList({
    label, className,
    load: (cursor) => load(app.client, query || undefined, cursor),
    item: (each) => item(app, each, list),
    none: () => (query ? empty('search', 'Nothing found', `No ${label.toLowerCase()} with all of these words. Try fewer words, or only the beginning of the last one.`)
      : empty('search', `No ${label.toLowerCase()} yet`, 'Sooner or later there will be some.')),
  });
  return list;
}

export const skillCard = (skill) => h('li', {}, h('a', { class: 'card skill-card', href: `#/skills/${skill.id}` }, icon('star'),
  h('span', { class: 'grow' }, h('strong', { text: skill.name }), skill.category && h('span', { class: 'hint', text: skill.category }))));
