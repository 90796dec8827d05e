/** The box in which one writes a tweet or a comment. */
import { newKey } from '../sdk/index.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { imageOf } from './people.js';
import { avatar } from './parts.js';
import { mediaPicker } from './picker.js';
import { acceptDrops } from './room/attachments.js';
import { sentence } from './sentences.js';
import { markBusy } from './switches.js';

const MAX_TEXT = 1000;
const MAX_MEDIA = 4;
const NEAR_END = 100;

/** As the server counts: characters, not their halves. */
const lengthOf = (text) => [...text].length;

/**
 * @param {object} app
 * @param {{label: string, placeholder: string, action: string, rows?: number, submit: (content: {text: string, media: string[]}, key: string) => Promise<void>}} options
 *   `key` is the same as long as the same is tried again: what arrived although its answer was lost is not said twice
 */
export function composeBox(app, { label, placeholder, action, rows = 2, submit }) {
  const { user } = app.client;
  const text = h('textarea', { class: 'compose-text', rows, placeholder, 'aria-label': label });
  const left = h('span', { class: 'hint remaining' });
  const spoken = h('span', { class: 'sr-only', role: 'status' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const send = h('button', { class: 'button primary', type: 'submit', text: action });
  const media = mediaPicker({ client: app.client, most: MAX_MEDIA, changed: () => update() });
  let sending = false;
  let ready = false;
  let tried = { content: '', key: '' };
  const remaining = () => MAX_TEXT - lengthOf(text.value.trim());
  function update() {
    const rest = remaining();
    left.textContent = rest <= NEAR_END || text.value ? String(rest) : '';
    left.classList.toggle('bad', rest < 0);
    left.title = `${rest} characters left`;
    if (rest <= 20 && rest % 10 === 0) spoken.textContent = `${rest} characters left`;
    markBusy(send, sending);
    ready = !media.busy() && rest >= 0 && Boolean(text.value.trim() || media.ids().length);
    send.setAttribute('aria-disabled', String(!ready)); // `disabled` would drop the focus
    text.style.height = 'auto';
    if (text.scrollHeight) text.style.height = `${Math.min(text.scrollHeight + 2, 320)}px`;
  }
  const form = h('form', { class: 'compose', onsubmit: (event) => { event.preventDefault(); go(); } },
    avatar(user.username, { imageUrl: imageOf(user) }),
    h('div', { class: 'compose-body' }, text, media.element, error,
      h('div', { class: 'compose-foot' },
        h('button', { class: 'icon-button accent', type: 'button', 'aria-label': 'Add pictures or films', title: 'Add pictures or films', onclick: media.pick }, icon('image')),
        h('span', { class: 'grow' }), left, spoken, send)));
  async function go() {
    if (sending || !ready) return;
    sending = true;
    update();
    error.textContent = '';
    try {
      const written = text.value;
      const content = { text: written.trim(), media: media.ids() };
      if (tried.content !== JSON.stringify(content)) tried = { content: JSON.stringify(content), key: newKey() };
      await submit(content, tried.key);
      tried = { content: '', key: '' };
      // What was added while this was on its way is the beginning of the next one.
      text.value = text.value.startsWith(written) ? text.value.slice(written.length).trimStart() : text.value;
      media.clear(content.media);
    } catch (failure) {
      error.textContent = sentence(failure);
    }
    sending = false;
    update();
  }
  text.addEventListener('input', update);
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go(); }
  });
  text.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    media.add(files);
  });
  acceptDrops(form, media.add);
  update();
  return { element: form, focus: () => text.focus() };
}
