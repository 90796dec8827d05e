/** Times that go on: `3 min` becomes `4 min` while one looks. */
import { h } from './dom.js';
import { ago, dateTime } from './format.js';

const EVERY_MS = 20_000;

export function agoTime(iso, { className = 'hint' } = {}) {
  return h('time', { class: `${className} ago`, datetime: iso, title: dateTime(iso), text: ago(iso) });
}

setInterval(() => {
  if (document.hidden) return;
  for (const each of document.querySelectorAll('time.ago')) {
    const text = ago(each.getAttribute('datetime'));
    if (each.textContent !== text) each.textContent = text;
  }
}, EVERY_MS);
