/** Tell those who run the place that something is not right. */
import { fill, h } from './dom.js';
import { choices, field, submitting } from './parts.js';
import { toast } from './toast.js';

const REASONS = ['Advertising or spam', 'Insults or threats', 'Something else'];

/** @param {'tweet' | 'comment' | 'user' | 'message'} targetKind @param {string} targetId */
export function reportDialog(app, targetKind, targetId) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'report-title' });
  const form = h('form', {}, h('h2', { id: 'report-title', text: 'Report this' }),
    choices('What is wrong?', 'kind', REASONS.map((label) => ({ value: label, label })), REASONS[0]),
    field('In your words', h('textarea', { class: 'input', name: 'text', rows: 3, maxlength: 900 }), 'Optional.'), error,
    h('div', { class: 'row end' }, h('button', { class: 'button', type: 'button', onclick: () => dialog.close(), text: 'Cancel' }),
      h('button', { class: 'button primary', type: 'submit', text: 'Report' })));
  submitting(form, error, async ({ kind, text }) => {
    await app.client.people.report({ targetKind, targetId, reason: [kind, text.trim()].filter(Boolean).join(': ') });
    dialog.close();
    toast('Thank you. The administrators will look at it.');
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(fill(dialog, form));
  dialog.showModal();
}
