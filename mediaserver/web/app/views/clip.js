/** One clip with its player. */
import { h } from '../dom.js';
import { loaded } from '../list.js';
import { linked } from '../markup.js';
import { film } from '../media.js';
import { backHead } from '../parts.js';
import { setTitle } from '../title.js';

export function clipView(app, id) {
  const page = loaded(() => app.client.learning.clip(id), (clip) => {
    setTitle(clip.title);
    return [backHead(app, clip.title), clip.upload ? film(clip.upload) : h('p', { class: 'hint', text: 'This film is not there any more.' }),
      clip.description && h('p', { class: 'user-text prose' }, linked(clip.description))];
  }, { className: 'stack' });
  return { title: 'Clip', element: h('div', { class: 'narrow' }, page.element), close: page.close };
}
