/** Before joining: see oneself, choose devices, decide what is on. */
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';
import { avatar } from '../parts.js';
import { deviceSentence } from '../sentences.js';
import { KIND_NAMES } from '../views/sessions.js';
import { devicePickers } from './devices.js';

/**
 * @param {{session: import('../../sdk/types.js').SessionDocument, user: {username: string}, local: import('./localmedia.js').LocalMedia,
 *   join: () => void}} options
 */
export function prejoin({ session, user, local, join }) {
  const listener = session.type === 'broadcast' && session.moderatorUserId !== user.id;
  const audioOnly = session.kind === 'audio';
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const joinButton = h('button', { class: 'button primary wide', onclick: join, autofocus: true, text: 'Join' });
  const head = h('div', {}, h('p', { class: 'hint', text: `${KIND_NAMES[session.kind]} · ${session.moderator?.username ?? ''}` }),
    h('h1', { text: session.title }), session.description && h('p', { class: 'description', text: session.description }));
  const back = h('a', { class: 'button', href: '#/sessions', text: 'Back' });
  if (listener) {
    const note = h('p', { text: 'You join as a listener. Raise your hand when you want to speak; the moderator can bring you on stage.' });
    return { element: h('div', { class: 'prejoin' }, h('section', { class: 'card stack' }, head, note, joinButton, back)), close() {} };
  }
  const preview = h('div', { class: audioOnly ? 'preview voice' : 'preview' });
  const pickers = devicePickers(audioOnly ? ['audioinput', 'audiooutput'] : ['audioinput', 'videoinput', 'audiooutput'],
    (kind, deviceId) => local.useDevice(kind, deviceId));
  const draw = () => fill(preview, ...previewContent(local, user, audioOnly));
  const undo = [local.on('change', draw), local.on('problem', ({ text }) => { problem.textContent = text; })];
  const open = async () => {
    await local.openMicrophone().catch((error) => { problem.textContent = deviceSentence(error, 'microphone'); });
    if (!audioOnly) {
      await local.openCamera().catch((error) => { problem.textContent ||= deviceSentence(error, 'camera'); });
    }
    draw();
    pickers.refresh();
  };
  draw();
  open();
  const element = h('div', { class: 'prejoin' }, preview, h('section', { class: 'card stack' }, head, pickers.element, problem, joinButton, back));
  return { element, close() { undo.forEach((each) => each()); pickers.close(); } };
}

function previewContent(local, user, audioOnly) {
  const video = h('video', { muted: true, autoplay: true, playsInline: true });
  if (local.camera) video.srcObject = new MediaStream([local.camera]);
  show(video, local.cameraOn);
  const on = local.microphone && !local.muted;
  return [
    h('div', { class: 'preview-face' }, avatar(user.username, { size: 'huge' })), video,
    h('div', { class: 'preview-controls' },
      toggle(on ? 'mic' : 'micOff', on, on ? 'Mute' : 'Unmute', () => local.toggleMicrophone()),
      !audioOnly && toggle(local.cameraOn ? 'camera' : 'cameraOff', local.cameraOn, local.cameraOn ? 'Camera off' : 'Camera on', () => local.toggleCamera())),
  ];
}

const toggle = (symbol, on, label, onclick) => h('button', { class: on ? 'round' : 'round off', 'aria-label': label, title: label, onclick }, icon(symbol));
