/** A list that comes in pages: waiting, nothing there, went wrong, and more. */
import { fill, h, redraw, show } from './dom.js';
import { empty, spinner } from './parts.js';
import { sentence } from './sentences.js';
import { actionButton, hasOrLostFocus } from './switches.js';

/**
 * @template T
 * @param {{load: (cursor: string | null) => Promise<{items: T[], nextCursor: string | null}>, item: (each: T) => HTMLElement | null,
 *   none: () => HTMLElement, label: string, className?: string, idOf?: (each: T) => string}} options
 * @returns {{element: HTMLElement, reload: () => Promise<void>, prepend: (each: T) => void, append: (each: T) => void,
 *   remove: (element: HTMLElement) => void, firstId: () => string | null, close: () => void}}
 */
export function pagedList({ load, item, none, label, className = 'cards', idOf = (each) => each.id }) {
  const list = h('ul', { class: className, 'aria-label': label });
  const state = h('div', {}, spinner());
  const more = h('button', { class: 'button more-button', type: 'button', text: 'Load more', hidden: true });
  const element = h('div', { class: 'paged' }, list, state, more);
  let shown = new Set();
  let cursor = null;
  let round = 0;

  const settle = () => {
    show(list, list.childElementCount > 0);
    fill(state, ...(list.childElementCount || cursor ? [] : [none()]));
  };
  const add = (each, where) => {
    if (shown.has(idOf(each))) return null;
    const made = item(each);
    if (!made) return null;
    shown.add(idOf(each));
    made.dataset.id = idOf(each);
    list[where](made);
    return made;
  };
  const page = async (from, mine) => {
    const { items, nextCursor } = await load(from);
    if (mine !== round) return null;
    if (from === null) { list.replaceChildren(); shown = new Set(); }
    cursor = nextCursor;
    const first = items.map((each) => add(each, 'append')).find(Boolean);
    show(more, cursor !== null);
    settle();
    return first;
  };
  const reload = async () => {
    round += 1;
    const mine = round;
    if (!list.childElementCount) fill(state, spinner());
    try {
      await page(null, mine);
    } catch (error) {
      if (mine === round) fill(state, failed(error, reload));
    }
  };
  actionButton(more, async () => {
    fill(state);
    try {
      const first = await page(cursor, round);
      if (more.hidden && hasOrLostFocus(more)) focusFirst(first);
    } catch (error) {
      fill(state, h('p', { class: 'hint bad', role: 'alert', text: sentence(error) }));
    }
  });
  show(list, false);
  reload();
  return {
    element,
    reload,
    prepend: (each) => { add(each, 'prepend'); settle(); },
    append: (each) => { add(each, 'append'); settle(); },
    remove: (made) => { made.remove(); settle(); },
    /** The id of what stands first. */
    firstId: () => list.firstElementChild?.dataset.id ?? null,
    close: () => { round += 1; },
  };
}

/** What went wrong, and a button to try again. */
export function failed(error, again) {
  if (error.status === 404) return empty('search', 'Nothing here', sentence(error));
  const note = empty('warn', 'That did not work', sentence(error));
  note.setAttribute('role', 'alert');
  if (again) note.append(h('button', { class: 'button', type: 'button', onclick: again, text: 'Try again' }));
  return note;
}

/** The button that had the focus is gone: it goes to what came. */
function focusFirst(element) {
  const control = element?.querySelector('a:not([tabindex="-1"]), button');
  (control ?? element)?.focus();
}

/**
 * A part of a page that has to be asked for: a spinner, then what `draw` makes of the answer, or what went wrong.
 * @template T
 * @param {() => Promise<T>} load
 * @param {(answer: T) => (Node | null | false)[] | Node} draw
 * @returns {{element: HTMLElement, reload: () => Promise<void>, close: () => void}}
 */
export function loaded(load, draw, { className = '', wait = spinner } = {}) {
  const element = h('div', { class: className }, wait && wait());
  let round = 0;
  const reload = async () => {
    round += 1;
    const mine = round;
    try {
      const answer = await load();
      if (mine === round) redraw(element, ...[draw(answer)].flat());
    } catch (error) {
      if (mine === round) fill(element, failed(error, reload));
    }
  };
  reload();
  return { element, reload, close: () => { round += 1; } };
}
