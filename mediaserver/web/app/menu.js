/**
 * A button that opens a menu: arrow keys move, Escape and Tab close, focus goes back to the button.
 * The menu opens, and takes the focus, within the click event itself. The browser's own `popovertarget` only tells through
 * `toggle`, an event of a later task: a key pressed right after the menu appeared would go to the button.
 */
import { fill, h } from './dom.js';
import { icon } from './icons.js';

const GAP_PX = 4;
let made = 0;

/**
 * @typedef {{label: string, symbol: string, danger?: boolean, run: () => void}} Item
 * @param {HTMLButtonElement} button
 * @param {() => (Item | false | null | undefined)[]} items asked for whenever the menu opens
 * @param {() => void} [closed]
 * @returns {HTMLElement} the menu, to be put beside the button
 */
export function menuOf(button, items, closed) {
  const menu = h('div', { class: 'menu', id: `menu-${made += 1}`, popover: 'auto', role: 'menu', 'aria-label': button.getAttribute('aria-label') });
  button.setAttribute('popovertarget', menu.id);
  button.setAttribute('aria-haspopup', 'menu');
  const draw = () => fill(menu, items().filter(Boolean).map(({ label, symbol, danger, run }) => h('button', {
    class: danger ? 'menu-item danger' : 'menu-item', role: 'menuitem', tabindex: '-1', type: 'button',
    onclick: () => { menu.hidePopover(); run(); },
  }, icon(symbol, 18), h('span', { text: label }))));
  button.addEventListener('click', (event) => {
    // `popovertarget` stays for what it means to screen readers and for clicks on the button of an open menu; its action is ours.
    event.preventDefault();
    if (menu.matches(':popover-open')) return void menu.hidePopover();
    draw();
    menu.showPopover();
    place(menu, button);
    menu.firstElementChild?.focus();
  });
  menu.addEventListener('toggle', ({ newState }) => newState === 'closed' && closed?.());
  menu.addEventListener('keydown', (event) => onKey(event, menu));
  return menu;
}

function place(menu, button) {
  const { top, bottom, right } = button.getBoundingClientRect();
  const below = bottom + GAP_PX + menu.offsetHeight < innerHeight;
  menu.style.top = `${Math.max(0, below ? bottom + GAP_PX : top - menu.offsetHeight - GAP_PX)}px`;
  menu.style.left = `${Math.max(GAP_PX, right - menu.offsetWidth)}px`;
}

function onKey(event, menu) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: (at - 1 + items.length) % items.length, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === 'Escape') event.stopPropagation(); // closes the menu, not what is around it
  if (event.key === 'Tab') menu.hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items[to].focus();
}
