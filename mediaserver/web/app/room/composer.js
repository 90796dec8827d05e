/** The line in which one writes a message: grows with the text, Enter sends, files are picked or pasted. */
import { h } from '../dom.js';
import { icon } from '../icons.js';

/** @param {{send: (text: string) => void, addFiles: (files: File[]) => void, typing?: () => void}} options */
export function composer({ send, addFiles, typing = () => {} }) {
  const text = h('textarea', { class: 'input', rows: 1, maxlength: 4000, placeholder: 'Write a message', 'aria-label': 'Write a message' });
  const picker = h('input', { type: 'file', multiple: true, hidden: true, onchange: () => { addFiles([...picker.files]); picker.value = ''; } });
  const go = () => {
    const content = text.value.trim();
    if (!content) return;
    text.value = '';
    grow();
    send(content);
  };
  const grow = () => {
    text.style.height = 'auto';
    text.style.height = `${Math.min(text.scrollHeight + 2, 140)}px`;
  };
  text.addEventListener('input', () => { grow(); typing(); });
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    go();
  });
  text.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    addFiles(files);
  });
  const form = h('form', { class: 'composer', onsubmit: (event) => { event.preventDefault(); go(); } }, picker,
    h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Attach a picture or file', title: 'Attach', onclick: () => picker.click() }, icon('clip')),
    text, h('button', { class: 'icon-button accent', type: 'submit', 'aria-label': 'Send' }, icon('send')));
  return { element: form, focus: () => text.focus(), label: (words) => { text.placeholder = words; } };
}
