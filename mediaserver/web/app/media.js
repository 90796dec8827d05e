/** Pictures and films beside a text; a picture opens large, its neighbours by the arrow keys. */
import { fill, h, show } from './dom.js';
import { icon } from './icons.js';
import { bytes } from './format.js';

const isImage = ({ contentType }) => contentType.startsWith('image/');

/** @param {(import('../sdk/types.js').Upload | null)[]} uploads null: one that is gone */
export function mediaGrid(uploads) {
  const there = uploads.filter(Boolean);
  if (!there.length) return null;
  const images = there.filter(isImage);
  return h('div', { class: `media media-${Math.min(there.length, 4)}` }, there.map((upload) => medium(upload, images)));
}

function medium(upload, images) {
  if (isImage(upload)) return picture(upload, () => viewer(images, images.indexOf(upload)));
  if (upload.contentType.startsWith('video/')) return film(upload);
  if (upload.contentType.startsWith('audio/')) return sound(upload);
  return fileLink(upload);
}

/** What may move is shown whole; a thumbnail stands still. */
const still = (upload) => (upload.contentType === 'image/gif' ? upload.url : upload.thumbnail?.url ?? upload.url);

/** A picture that opens. */
export function picture(upload, open = () => viewer([upload], 0)) {
  return h('button', { class: 'picture', type: 'button', 'aria-label': `Show picture: ${upload.name}`, onclick: open },
    h('img', { src: still(upload), alt: upload.name, loading: 'lazy', width: upload.width, height: upload.height }));
}

export const film = (upload) => h('video', { class: 'film', src: upload.url, poster: upload.thumbnail?.url, controls: true, playsInline: true,
  preload: upload.thumbnail ? 'none' : 'metadata', 'aria-label': upload.name, width: upload.width, height: upload.height });

export const sound = (upload) => h('audio', { src: upload.url, controls: true, preload: 'metadata', 'aria-label': upload.name });

export const fileLink = (upload) => h('a', { class: 'file', href: upload.url, download: upload.name }, icon('file'),
  h('span', {}, h('strong', { text: upload.name }), h('span', { class: 'hint', text: bytes(upload.size ?? 0) })));

export function viewer(images, from) {
  let at = from;
  const image = h('img', { class: 'viewer-image', alt: '' });
  const place = h('span', { class: 'hint viewer-place', 'aria-live': 'polite' });
  const step = (by) => { at = (at + by + images.length) % images.length; draw(); };
  const arrow = (symbol, label, by) => h('button', { class: 'round', type: 'button', 'aria-label': label, onclick: () => step(by) }, icon(symbol));
  const arrows = [arrow('back', 'Previous picture', -1), arrow('next', 'Next picture', 1)];
  const dialog = h('dialog', { class: 'viewer', 'aria-label': 'Picture', onclick: ({ target }) => target === dialog && dialog.close() });
  const whole = h('a', { class: 'round', target: '_blank', rel: 'noopener', 'aria-label': 'Open in a new tab', title: 'Open in a new tab' }, icon('link'));
  const draw = () => {
    Object.assign(image, { src: images[at].url, alt: images[at].name });
    whole.href = images[at].url;
    place.textContent = images.length > 1 ? `${at + 1} of ${images.length}` : '';
    arrows.forEach((each) => show(each, images.length > 1));
  };
  fill(dialog, image, h('div', { class: 'viewer-controls' }, arrows, place, whole,
    h('button', { class: 'round', type: 'button', 'aria-label': 'Close', autofocus: true, onclick: () => dialog.close() }, icon('close'))));
  dialog.addEventListener('keydown', ({ key }) => {
    if (images.length > 1 && key === 'ArrowLeft') step(-1);
    if (images.length > 1 && key === 'ArrowRight') step(1);
  });
  dialog.addEventListener('close', () => dialog.remove());
  addEventListener('hashchange', () => dialog.close(), { once: true });
  draw();
  document.body.append(dialog);
  dialog.showModal();
}
