/** The levels of a course with their lessons: added, renamed, moved, removed. Every change is stored at once. */
import { LastWanted } from '../../sdk/lastwanted.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { menuOf } from '../menu.js';
import { confirmDialog, field, submitting } from '../parts.js';
import { tellError } from '../switches.js';

/** @param {import('../../sdk/types.js').Outline['levels']} levels */
export function organizer(app, course, levels, reload) {
  const { learning } = app.client;
  const act = (run) => run.then(reload, tellError);
  const order = ordering(levels, (ids) => learning.orderLevels(course.id, ids), reload);
  const element = h('div', { class: 'stack organizer' });
  fill(element, levels.map((level, index) => levelCard(app, { levels, level, index, act, reload, move: (by) => order(level.id, by) })),
    h('div', { class: 'card' }, addForm('New level', levels.length ? 'Add level' : 'Add the first level', (title) => learning.createLevel(course.id, { title }).then(reload))));
  return element;
}

function levelCard(app, { levels, level, index, act, reload, move }) {
  const { learning } = app.client;
  const order = ordering(level.lessons, (ids) => learning.orderLessons(level.id, ids), reload);
  const place = h('div', { class: 'level-head row' });
  const remove = async () => {
    const sure = !level.lessons.length || await confirmDialog({ title: `Delete “${level.title}”?`, text: 'Its lessons go with it.', confirm: 'Delete' });
    if (sure) act(learning.removeLevel(level.id));
  };
  const draw = () => fill(place, h('h3', { class: 'grow user-text', text: `${index + 1}. ${level.title}` }), more(`More about the level ${level.title}`, [
    { label: 'Rename', symbol: 'edit', run: rename },
    index > 0 && { label: 'Move up', symbol: 'up', run: () => move(-1) },
    index < levels.length - 1 && { label: 'Move down', symbol: 'down', run: () => move(1) },
    { label: 'Delete', symbol: 'trash', danger: true, run: remove },
  ]));
  function rename() {
    const form = addForm('Title', 'Rename', (title) => act(learning.updateLevel(level.id, { title })), level.title);
    fill(place, form);
    form.elements.title.focus();
    form.elements.title.select();
  }
  draw();
  const made = async (title) => {
    const lesson = await learning.createLesson(level.id, { title });
    app.go(`/lessons/${lesson.id}/edit`);
  };
  return h('section', { class: 'card stack tight', 'aria-label': `Level ${level.title}` }, place,
    level.lessons.length > 0 && h('ol', { class: 'lessons' }, level.lessons.map((lesson, at) => lessonLine(app, { lessons: level.lessons, lesson, at, act, move: (by) => order(lesson.id, by) }))),
    addForm('New lesson', 'Add lesson', made));
}

function lessonLine(app, { lessons, lesson, at, act, move }) {
  const { learning } = app.client;
  const remove = async () => {
    if (await confirmDialog({ title: `Delete “${lesson.title}”?`, text: 'Its content, assignments and what students did with it go with it.', confirm: 'Delete' })) act(learning.removeLesson(lesson.id));
  };
  return h('li', { class: 'lesson-line' }, h('a', { class: 'grow user-text', href: `#/lessons/${lesson.id}/edit`, text: lesson.title }), more(`More about the lesson ${lesson.title}`, [
    at > 0 && { label: 'Move up', symbol: 'up', run: () => move(-1) },
    at < lessons.length - 1 && { label: 'Move down', symbol: 'down', run: () => move(1) },
    { label: 'Delete', symbol: 'trash', danger: true, run: remove },
  ]));
}

function more(label, items) {
  const button = h('button', { class: 'icon-button small', type: 'button', 'aria-label': label }, icon('more', 18));
  return h('span', {}, button, menuOf(button, () => items));
}

/**
 * Moves things up and down; a move that is chosen while another one is being stored starts from where that one led.
 * @param {{id: string}[]} items
 * @param {(ids: string[]) => Promise<any>} send stores an order
 * @returns {(id: string, by: -1 | 1) => void}
 */
function ordering(items, send, reload) {
  let stored = items.map(({ id }) => id);
  const state = new LastWanted({
    current: () => stored,
    send: async (ids) => {
      await send(ids);
      stored = ids;
    },
    failed: tellError,
  });
  return (id, by) => {
    const busy = state.busy;
    const done = state.want(moved(state.value, id, by));
    if (!busy) done.then(reload);
  };
}

/** The ids with one of them elsewhere; at the end it stays. */
export function moved(ids, id, by) {
  const at = ids.indexOf(id);
  const to = Math.min(ids.length - 1, Math.max(0, at + by));
  const rest = ids.filter((each) => each !== id);
  return [...rest.slice(0, to), id, ...rest.slice(to)];
}

function addForm(label, action, save, value = '') {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const form = h('form', { class: 'add-form' }, field(label, h('input', { class: 'input', name: 'title', required: true, maxlength: 200, value, autocomplete: 'off' })),
    h('button', { class: 'button', type: 'submit', text: action }), error);
  submitting(form, error, ({ title }) => save(title.trim()));
  return form;
}
