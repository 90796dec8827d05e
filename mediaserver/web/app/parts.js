/** Small pieces that several pages share: avatar, field, dialog, the page frame. */
import { fill, h } from './dom.js';
import { hueOf, initials } from './format.js';
import { icon } from './icons.js';
import { fieldSentence, sentence } from './sentences.js';
import { hasOrLostFocus, markBusy } from './switches.js';

export function avatar(name, { size = '', imageUrl = null } = {}) {
  const element = h('span', { class: `avatar ${size}`, 'aria-hidden': 'true', 'data-initials': imageUrl ? null : initials(name) });
  element.style.setProperty('--hue', String(hueOf(name)));
  if (imageUrl) element.append(h('img', { src: imageUrl, alt: '' }));
  return element;
}

/** A labelled control; `hint` stands below it. */
export function field(label, control, hint = '') {
  return h('label', { class: 'field' }, h('span', { class: 'field-label', text: label }), control,
    hint && h('span', { class: 'hint', text: hint }));
}

/** A row of choices of which one is on. @returns {HTMLElement} a fieldset with radio buttons named `name` */
export function choices(legend, name, options, chosen, onchange) {
  return h('fieldset', { class: 'choices' }, h('legend', { class: 'field-label', text: legend }),
    h('div', { class: 'choice-row' }, options.map(({ value, label, detail, symbol }) => h('label', { class: 'choice' },
      h('input', { type: 'radio', name, value, checked: value === chosen, onchange: () => onchange?.(value) }),
      symbol && icon(symbol), h('span', { class: 'choice-text' }, h('strong', { text: label }), detail && h('span', { class: 'hint', text: detail }))))));
}

/**
 * Ask before something that cannot be undone.
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, text, confirm, danger = true }) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' });
    fill(dialog, h('form', { method: 'dialog' }, h('h2', { id: 'dialog-title', text: title }), h('p', { text }),
      h('div', { class: 'row end' }, h('button', { class: 'button', value: 'no', text: 'Cancel' }),
        h('button', { class: danger ? 'button danger' : 'button primary', value: 'yes', text: confirm }))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export const empty = (symbol, title, text, ...more) => h('div', { class: 'empty' }, icon(symbol, 32), h('h2', { text: title }), h('p', { text }), ...more);

/** A title with the way back, for pages to which one comes from many places. */
export const backHead = (app, title, ...more) => h('div', { class: 'page-head' },
  h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Back', onclick: () => app.back() }, icon('back')), h('h1', { text: title }), ...more);

export const spinner = (text = 'Loading…') => h('div', { class: 'loading', role: 'status' }, h('span', { class: 'spinner' }), h('span', { text }));

/**
 * A submit handler: one submission at a time, whatever is pressed how often; what went wrong stands beside the field that it
 * is about, the rest in `error`. The button is not disabled meanwhile: it would drop the focus.
 */
export function submitting(form, error, run) {
  let busy = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const button = event.submitter ?? form.querySelector('[type=submit]');
    markBusy(button, true);
    clearErrors(form, error);
    const at = document.activeElement;
    try {
      await run(Object.fromEntries(new FormData(form)));
    } catch (failure) {
      showErrors(form, error, failure, at);
    } finally {
      busy = false;
      markBusy(button, false);
    }
  });
  form.addEventListener('input', ({ target }) => target.getAttribute?.('aria-invalid') && clearError(target));
}

/** The first wrong field gets the focus, unless the person went on from `at` to another field meanwhile: their keys stay there. */
function showErrors(form, error, failure, at) {
  const places = (failure?.errors ?? []).map((each) => [form.elements.namedItem(each.loc), each]);
  if (!places.length || places.some(([control]) => !(control instanceof HTMLElement))) {
    error.textContent = sentence(failure);
    return;
  }
  for (const [control, { loc, msg }] of places) {
    const note = h('span', { class: 'field-error', id: `error-${loc}`, text: fieldSentence(loc, msg) });
    control.setAttribute('aria-invalid', 'true');
    control.setAttribute('aria-describedby', note.id);
    control.after(note);
  }
  if (hasOrLostFocus(at)) places[0][0].focus();
}

function clearErrors(form, error) {
  error.textContent = '';
  form.querySelectorAll('[aria-invalid]').forEach(clearError);
}

function clearError(control) {
  document.getElementById(control.getAttribute('aria-describedby'))?.remove();
  control.removeAttribute('aria-invalid');
  control.removeAttribute('aria-describedby');
}
