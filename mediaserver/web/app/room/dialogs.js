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

/** @returns {Promise<'leave' | 'end' | ''>} what the moderator wants */
export function leaveDialog() {
  return new Promise((resolve) => {
    const dialog = open('Leave this session?', h('p', { text: 'The others can go on without you, or you end it for everyone.' }),
      h('div', { class: 'row end wrap' }, h('button', { class: 'button', value: '', text: 'Cancel' }), h('button', { class: 'button', value: 'leave', text: 'Leave' }),
        h('button', { class: 'button danger', value: 'end', text: 'End for everyone' })));
    dialog.addEventListener('close', () => resolve(dialog.returnValue));
  });
}
