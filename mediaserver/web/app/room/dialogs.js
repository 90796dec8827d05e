/** The dialogs of a room: devices, and leaving. */
import { fill, h } from '../dom.js';
import { devicePickers } from './devices.js';

function open(title, ...content) {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': title });
  fill(dialog, h('form', { method: 'dialog' }, h('h2', { text: title }), ...content));
  document.body.append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.showModal();
  return dialog;
}

/** @param {{audioOnly: boolean, local: import('./localmedia.js').LocalMedia, sound: {setSink: (id: string) => void}}} options */
export function devicesDialog({ audioOnly, local, sound }) {
  const kinds = audioOnly ? ['audioinput', 'audiooutput'] : ['audioinput', 'videoinput', 'audiooutput'];
  const pickers = devicePickers(kinds, (kind, id) => (kind === 'audiooutput' ? sound.setSink(id) : local.useDevice(kind, id)));
  const keys = h('p', { class: 'hint keys' }, ...[['m', 'microphone'], ['v', 'camera'], ['s', 'screen'], ['h', 'hand'], ['c', 'chat'], ['p', 'people']]
    .map(([key, name]) => h('span', {}, h('kbd', { text: key }), ` ${name}`)));
  open('Devices', pickers.element, keys, h('div', { class: 'row end' }, h('button', { class: 'button primary', text: 'Done' })))
    .addEventListener('close', pickers.close);
}

/** @returns {Promise<{choice: 'leave' | 'end' | '', endsWhenEmpty: boolean}>} what the moderator wants */
export function leaveDialog(endsWhenEmpty) {
  return new Promise((resolve) => {
    const ends = h('input', { type: 'checkbox', role: 'switch', checked: endsWhenEmpty });
    const dialog = open('Leave this session?', h('p', { text: 'The others can go on without you, or you end it for everyone.' }),
      h('label', { class: 'switch' }, h('span', { class: 'grow', text: 'End by itself when everyone has left' }), ends),
      h('div', { class: 'row end wrap' }, h('button', { class: 'button', value: '', autofocus: true, text: 'Cancel' }), h('button', { class: 'button', value: 'leave', text: 'Leave' }),
        h('button', { class: 'button danger', value: 'end', text: 'End for everyone' })));
    dialog.addEventListener('close', () => resolve({ choice: dialog.returnValue, endsWhenEmpty: ends.checked }));
  });
}
