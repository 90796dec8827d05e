/** Before joining: see oneself, choose devices, decide what is on. */
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';
import { avatar } from '../parts.js';
import { markBusy } from '../switches.js';
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
  const joinButton = h('button', { class: 'button primary wide', onclick: join, text: 'Join' });
  const head = h('div', {}, h('p', { class: 'hint', text: `${KIND_NAMES[session.kind]} · ${session.moderator?.username ?? ''}` }),
    h('h1', { text: session.title }), session.description && h('p', { class: 'description', text: session.description }));
  const back = h('a', { class: 'button', href: '#/sessions', text: 'Back' });
  if (listener) {
    const note = h('p', { text: 'You join as a listener. Raise your hand when you want to speak; the moderator can bring you on stage.' });
    return { element: h('div', { class: 'prejoin' }, h('section', { class: 'card stack' }, head, note, joinButton, back)), close() {} };
  }
  const pickers = devicePickers(audioOnly ? ['audioinput', 'audiooutput'] : ['audioinput', 'videoinput', 'audiooutput'],
    (kind, deviceId) => local.useDevice(kind, deviceId));
  const preview = previewOf(local, user, audioOnly);
  const tell = ({ text }) => { problem.textContent = [...new Set([problem.textContent, text])].filter(Boolean).join(' '); };
  const undo = [local.on('change', () => { preview.draw(); pickers.refresh(); }), local.on('problem', tell)];
  if (!local.microphone && !local.camera) local.prepare({ audioOnly });
  const element = h('div', { class: 'prejoin' }, preview.element, h('section', { class: 'card stack' }, head, pickers.element, problem, joinButton, back));
  return { element, close() { undo.forEach((each) => each()); pickers.close(); } };
}

function previewOf(local, user, audioOnly) {
  const video = h('video', { muted: true, autoplay: true, playsInline: true });
  const microphone = h('button', { type: 'button', onclick: () => local.toggleMicrophone() });
  const camera = h('button', { type: 'button', onclick: () => local.toggleCamera() });
  const draw = () => {
    const [track] = video.srcObject?.getTracks() ?? [];
    if (local.camera !== (track ?? null)) video.srcObject = local.camera && new MediaStream([local.camera]);
    show(video, local.cameraOn);
    const { microphone: heard, camera: seen } = local.switches;
    set(microphone, heard.value ? 'mic' : 'micOff', heard, heard.value ? 'Mute' : 'Unmute');
    set(camera, seen.value ? 'camera' : 'cameraOff', seen, seen.value ? 'Camera off' : 'Camera on');
  };
  draw();
  const element = h('div', { class: audioOnly ? 'preview voice' : 'preview' },
    h('div', { class: 'preview-face' }, avatar(user.username, { size: 'huge' })), video,
    h('div', { class: 'preview-controls' }, microphone, !audioOnly && camera));
  return { element, draw };
}

function set(button, symbol, { value, busy }, label) {
  button.className = value ? 'round' : 'round off';
  markBusy(button, busy);
  button.title = label;
  button.setAttribute('aria-label', label);
  fill(button, icon(symbol));
}
