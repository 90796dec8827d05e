/** The line on top of a room: title, how long, how many, whether it is recorded; below it what is wrong with the connection. */
import { fill, h, show } from '../dom.js';
import { duration, plural } from '../format.js';
import { icon } from '../icons.js';
import { clockTime } from '../sentences.js';
import { toast } from '../toast.js';

/** @param {import('../../sdk/index.js').Session} session */
export function roomHeader(session) {
  const title = h('h1', { class: 'room-title' });
  const count = h('span', { class: 'hint room-fact' });
  const clock = h('span', { class: 'hint room-fact clock' });
  const lightText = h('span', { text: 'Recording' });
  const light = h('span', { class: 'recording-light', role: 'status', hidden: true }, h('span', { class: 'live-dot' }), lightText);
  const copy = h('button', { class: 'icon-button', 'aria-label': 'Copy the link to this session', title: 'Copy link', onclick: copyLink }, icon('link'));
  const banner = h('div', { class: 'banner', role: 'status', hidden: true });
  const draw = () => {
    const { session: document_, participants, recording } = session.room;
    title.textContent = document_?.title ?? '';
    title.title = title.textContent;
    const since = document_?.startedAt ? duration((Date.now() - Date.parse(document_.startedAt)) / 1000) : '';
    count.textContent = plural(participants.size, 'person', 'people');
    clock.textContent = since;
    const text = recording?.warning ? `Recording until ${clockTime(recording.warning.endsAt)}: the server is short of disk space` : 'Recording';
    if (lightText.textContent !== text) lightText.textContent = text; // a status is read aloud when it changes
    show(light, Boolean(recording));
  };
  const drawBanner = () => {
    const text = trouble(session);
    show(banner, text !== null);
    if (text) fill(banner, h('span', { class: 'spinner' }), h('span', { text }));
  };
  const undo = [
    ...['participants', 'recording', 'session', 'tiles'].map((type) => session.on(type, draw)),
    ...['state', 'media'].map((type) => session.on(type, drawBanner)),
  ];
  const timer = setInterval(draw, 1000);
  draw();
  const element = h('header', { class: 'room-head' }, title, count, clock, light, h('span', { class: 'grow' }), copy);
  return { element, banner, close() { clearInterval(timer); undo.forEach((each) => each()); } };
}

function trouble(session) {
  if (session.state === 'reconnecting') return 'Connection lost. Reconnecting…';
  if (session.state === 'joined' && ['disconnected', 'failed'].includes(session.media.iceState)) return 'Picture and sound are interrupted. Reconnecting…';
  return null;
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast('The link is copied.');
  } catch {
    toast('Copying is not possible here. The link is in the address bar.', { error: true });
  }
}
