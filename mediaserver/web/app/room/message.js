/** One chat message on the page. */
import { fill, h } from '../dom.js';
import { bytes, time } from '../format.js';
import { icon } from '../icons.js';
import { linked } from '../markup.js';
import { avatar } from '../parts.js';
import { sentence } from '../sentences.js';

/** @param {import('../../sdk/types.js').Message} message */
export function messageItem(message, mine) {
  const item = h('li', { class: mine ? 'message mine' : 'message' }, avatar(message.senderName, { size: 'tiny', imageUrl: message.senderImage ?? null }),
    h('div', { class: 'message-box' },
      h('p', { class: 'message-head' }, h('strong', { text: mine ? 'You' : message.senderName }), h('time', { datetime: message.timestamp, text: time(message.timestamp) })),
      content(message)));
  item.dataset.sequence = String(message.sequence);
  return item;
}

/** @param {import('../../sdk/types.js').Pending} entry */
export function pendingItem(entry, drop) {
  const text = entry.contentType === 'Text' ? entry.content : entry.preview?.name ?? 'File';
  return h('li', { class: entry.failed ? 'message mine failed' : 'message mine pending' },
    h('div', { class: 'message-box' }, h('p', { class: 'message-text', text }),
      entry.failed
        ? h('p', { class: 'hint bad' }, `${sentence(entry.failed)} `, h('button', { class: 'link', onclick: drop, text: 'Dismiss' }))
        : h('p', { class: 'hint', text: entry.slowed ? 'You are writing very fast. This message will be sent in a moment.' : 'Sending…' })));
}

const CONTENT = {
  Text: ({ content: text }) => fill(h('p', { class: 'message-text' }), linked(text)),
  Image: ({ content: upload }) => {
    // What may move is shown whole; the thumbnail stands still.
    const small = upload.contentType === 'image/gif' ? null : upload.thumbnail;
    const image = h('img', { class: 'message-image', src: (small ?? upload).url, alt: upload.name ?? 'Picture', loading: 'lazy', width: upload.width, height: upload.height });
    return h('a', { href: upload.url, target: '_blank', rel: 'noopener' }, image);
  },
  Video: ({ content: upload }) => h('video', { class: 'message-video', src: upload.url, poster: upload.thumbnail?.url, controls: true, preload: upload.thumbnail ? 'none' : 'metadata', playsInline: true }),
  Audio: ({ content: upload }) => h('audio', { src: upload.url, controls: true, preload: 'metadata' }),
  File: ({ content: upload }) => h('a', { class: 'file', href: upload.url, download: upload.name ?? true }, icon('file'),
    h('span', {}, h('strong', { text: upload.name ?? 'File' }), h('span', { class: 'hint', text: bytes(upload.size ?? 0) }))),
};

function content(message) {
  if (message.contentType !== 'Text' && !message.content?.url) return h('p', { class: 'hint', text: 'This file is not there any more.' });
  return (CONTENT[message.contentType] ?? CONTENT.File)(message);
}
