/** Microphones, cameras and loudspeakers: the choice, remembered, and a dialog or form to change it. */
import { fill, h } from '../dom.js';
import { field } from '../parts.js';

const KEY = 'mediaserver.devices';
const NAMES = { audioinput: 'Microphone', videoinput: 'Camera', audiooutput: 'Speaker' };

export function chosenDevices() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}');
  } catch {
    return {};
  }
}

export function chooseDevice(kind, deviceId) {
  localStorage.setItem(KEY, JSON.stringify({ ...chosenDevices(), [kind]: deviceId }));
}

export async function openMicrophone(deviceId) {
  return first(await capture({ audio: microphone(deviceId) }));
}

export async function openCamera(deviceId) {
  return first(await capture({ video: camera(deviceId) }));
}

/** Both with one question of the browser. */
export async function openBoth() {
  const stream = await capture({ audio: microphone(), video: camera() });
  return { microphone: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0] };
}

export async function openScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 30 } }, audio: true });
  const [video] = stream.getVideoTracks();
  if ('contentHint' in video) video.contentHint = 'detail';
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

const microphone = (deviceId = chosenDevices().audioinput) => ({
  ...wanted(deviceId), echoCancellation: true, noiseSuppression: true, autoGainControl: true,
});
const camera = (deviceId = chosenDevices().videoinput) => ({
  ...wanted(deviceId), width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 },
});
// "ideal", not "exact": a device that was unplugged since must not keep anybody out.
const wanted = (deviceId) => (deviceId ? { deviceId: { ideal: deviceId } } : {});
const first = (stream) => stream.getTracks()[0];

function capture(constraints) {
  if (!navigator.mediaDevices) return Promise.reject(new DOMException('no secure context', 'SecurityError'));
  return navigator.mediaDevices.getUserMedia(constraints);
}

/**
 * Selects for the devices that there are.
 * @param {string[]} kinds of `audioinput`, `videoinput`, `audiooutput`
 * @param {(kind: string, deviceId: string) => void} changed
 */
export function devicePickers(kinds, changed) {
  const element = h('div', { class: 'stack device-pickers' });
  let drawn = '';
  const draw = async () => {
    const all = await (navigator.mediaDevices?.enumerateDevices() ?? []);
    const state = JSON.stringify(all);
    if (state === drawn) return; // a select that is in use stays
    drawn = state;
    const usable = kinds.filter((kind) => kind !== 'audiooutput' || 'setSinkId' in HTMLMediaElement.prototype);
    fill(element, usable.map((kind) => picker(kind, all.filter((each) => each.kind === kind && each.deviceId), changed)));
  };
  draw();
  navigator.mediaDevices?.addEventListener('devicechange', draw);
  return { element, refresh: draw, close: () => navigator.mediaDevices?.removeEventListener('devicechange', draw) };
}

function picker(kind, devices, changed) {
  const chosen = chosenDevices()[kind];
  const select = h('select', { class: 'input', disabled: !devices.length, onchange: () => { chooseDevice(kind, select.value); changed(kind, select.value); } },
    devices.length ? devices.map((device, index) => h('option', { value: device.deviceId, text: device.label || `${NAMES[kind]} ${index + 1}` }))
      : h('option', { text: 'None found' }));
  if (devices.some((each) => each.deviceId === chosen)) select.value = chosen;
  return field(NAMES[kind], select);
}
