/** Short messages at the edge of the page, read out by screen readers; errors stay longer. */
import { fill, h } from './dom.js';
import { icon } from './icons.js';

const SHOWN_MS = 5000;
const ERROR_SHOWN_MS = 9000;

/**
 * @param {string} text a sentence
 * @param {{error?: boolean, action?: {label: string, run: () => void}, symbol?: string}} [options]
 */
export function toast(text, { error = false, action, symbol = error ? 'warn' : 'check' } = {}) {
  const place = document.getElementById('toasts');
  if ([...place.children].some((each) => each.dataset.text === text)) return;
  const close = () => element.remove();
  const element = h('div', { class: error ? 'toast toast-error' : 'toast', role: error ? 'alert' : null });
  element.dataset.text = text;
  fill(element, icon(symbol), h('p', { text }),
    action && h('button', { class: 'button small', onclick: () => { action.run(); close(); }, text: action.label }),
    h('button', { class: 'icon-button small', 'aria-label': 'Dismiss', onclick: close }, icon('close', 16)));
  place.append(element);
  setTimeout(close, error ? ERROR_SHOWN_MS : SHOWN_MS);
}
