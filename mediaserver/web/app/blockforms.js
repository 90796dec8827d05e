/** One form for each type of block; `value()` gives the block as the server takes it. */
import { fill, h } from './dom.js';
import { blockElement, blockType } from './blocks.js';
import { icon } from './icons.js';
import { field } from './parts.js';
import { sentence } from './sentences.js';
import { markBusy } from './switches.js';

export const BLOCK_TYPES = {
  markdown: { label: 'Formatted text', symbol: 'text' },
  text: { label: 'Plain text', symbol: 'text' },
  image: { label: 'Picture', symbol: 'image', accept: 'image/*' },
  video: { label: 'Film', symbol: 'camera', accept: 'video/*' },
  audio: { label: 'Sound', symbol: 'sound', accept: 'audio/*' },
  file: { label: 'File', symbol: 'file', accept: '' },
  link: { label: 'Link', symbol: 'link' },
  code: { label: 'Code', symbol: 'code' },
  quiz: { label: 'Question', symbol: 'question' },
};

const area = (label, value, props = {}) => h('textarea', { class: 'input', 'aria-label': label, value: value ?? '', required: true, maxlength: 50_000, rows: 5, ...props });

const FORMS = {
  text: (app, value) => words('Text', value, 'text'),
  markdown: (app, value) => words('Text', value, 'markdown', 'With # headings, **bold**, *italic*, - lists, `code` and [links](https://…).'),
  image: (app, value, changed) => file(app, 'image', value, changed),
  video: (app, value, changed) => file(app, 'video', value, changed),
  audio: (app, value, changed) => file(app, 'audio', value, changed),
  file: (app, value, changed) => file(app, 'file', value, changed),
  link(app, value) {
    const url = h('input', { class: 'input', type: 'url', required: true, maxlength: 2000, placeholder: 'https://…', value: value?.url ?? '' });
    const title = h('input', { class: 'input', maxlength: 200, value: value?.title ?? '' });
    return { element: h('div', { class: 'stack tight' }, field('Address', url), field('Words for it', title)), value: () => ({ type: 'link', value: { url: url.value.trim(), title: title.value.trim() } }) };
  },
  code(app, value) {
    const language = h('input', { class: 'input', maxlength: 50, value: value?.language ?? '', spellcheck: 'false' });
    const source = area('Code', value?.source, { class: 'input mono', spellcheck: 'false', rows: 8 });
    return { element: h('div', { class: 'stack tight' }, field('Language', language), source), value: () => ({ type: 'code', value: { language: language.value.trim(), source: source.value } }) };
  },
  quiz: (app, value, changed) => question(value, changed),
};

/** @returns {{element: HTMLElement, value: () => import('../sdk/types.js').Block}} what has no form here is shown, and stays as it is */
export function blockForm(app, { type, value }, changed) {
  return FORMS[type]?.(app, value, changed) ?? { element: blockElement({ type, value }), value: () => ({ type, value: value?.id ?? value }) };
}

function words(label, value, type, hint = '') {
  const control = area(label, value, { rows: Math.min(16, Math.max(4, (value ?? '').split('\n').length + 1)) });
  return { element: h('div', { class: 'stack tight' }, control, hint && h('p', { class: 'hint', text: hint })), value: () => ({ type, value: control.value.trim() }) };
}

/** A file is uploaded as soon as it is chosen; its bytes decide whether it fits. */
function file(app, type, value, changed) {
  let upload = value ?? null;
  const { accept, label } = BLOCK_TYPES[type];
  const place = h('div', {});
  const error = h('p', { class: 'form-error', role: 'alert' });
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Uploading' });
  const input = h('input', { type: 'file', hidden: true, accept: accept || null, onchange: () => input.files[0] && take(input.files[0]) });
  const pick = h('button', { class: 'button small', type: 'button', onclick: () => input.click() });
  const draw = () => {
    fill(place, upload && blockElement({ type, value: upload }));
    fill(pick, icon('plus', 16), h('span', { text: upload ? 'Choose another one' : `Choose: ${label.toLowerCase()}` }));
  };
  async function take(chosen) {
    if (!progress.hidden) return; // one at a time
    error.textContent = '';
    progress.hidden = false;
    markBusy(pick, true);
    try {
      const made = await app.client.upload(chosen, { onProgress: (fraction) => { progress.value = fraction; } });
      if (type !== 'file' && blockType(made) !== type) throw new Error(`This file is not what it should be here: ${label.toLowerCase()}.`);
      upload = made;
      changed();
      draw();
    } catch (failure) {
      error.textContent = sentence(failure);
    }
    progress.hidden = true;
    markBusy(pick, false);
    input.value = '';
  }
  draw();
  return {
    element: h('div', { class: 'stack tight' }, place, input, h('div', { class: 'row' }, pick), progress, error),
    value() {
      if (!upload) throw new Error(`Choose a file for every ${label.toLowerCase()}, or remove the part.`);
      return { type, value: upload.id };
    },
  };
}

const MIN_OPTIONS = 2;
const MAX_OPTIONS = 10;

function question(value, changed) {
  const text = area('Question', value?.question, { rows: 2, maxlength: 2000 });
  const why = area('Explanation', value?.explanation, { rows: 2, maxlength: 5000, required: false });
  const right = new Set([value?.answer ?? 0].flat());
  const list = h('ol', { class: 'stack tight' });
  let options = (value?.options ?? ['', '']).map((option, index) => ({ text: option, right: right.has(index) }));
  const draw = () => fill(list, options.map((option, index) => h('li', { class: 'row' },
    h('input', { type: 'checkbox', checked: option.right, 'aria-label': `Answer ${index + 1} is right`, onchange: ({ target }) => { option.right = target.checked; } }),
    h('input', { class: 'input', 'aria-label': `Answer ${index + 1}`, required: true, maxlength: 500, value: option.text, oninput: ({ target }) => { option.text = target.value; } }),
    options.length > MIN_OPTIONS && h('button', { class: 'icon-button small', type: 'button', 'aria-label': `Remove answer ${index + 1}`, onclick: () => { options = options.filter((each) => each !== option); changed(); draw(); } }, icon('close', 16)))),
  options.length < MAX_OPTIONS && h('li', {}, h('button', { class: 'button small', type: 'button', onclick: () => { options.push({ text: '', right: false }); changed(); draw(); list.querySelectorAll('.input')[options.length - 1].focus(); } }, icon('plus', 16), h('span', { text: 'Another answer' }))));
  draw();
  return {
    element: h('div', { class: 'stack tight' }, field('Question', text), h('p', { class: 'hint', text: 'Tick what is right: one answer, or several.' }), list, field('Why (shown with the right answer)', why)),
    value() {
      const answers = options.flatMap((option, index) => (option.right ? [index] : []));
      if (!answers.length) throw new Error('Tick at least one right answer in every question.');
      return { type: 'quiz', value: { question: text.value.trim(), options: options.map((option) => option.text.trim()), answer: answers.length === 1 ? answers[0] : answers, explanation: why.value.trim() } };
    },
  };
}
