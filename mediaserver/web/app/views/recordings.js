/** Recordings of one session, or of all recent ones, with a player. */
import { fill, h } from '../dom.js';
import { bytes, dateTime, duration } from '../format.js';
import { icon } from '../icons.js';
import { confirmDialog, empty, spinner } from '../parts.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';
import { KIND_NAMES } from './sessions.js';

const STATUS = { recording: 'Recording now', processing: 'Being prepared', failed: 'Failed' };
const POLL_MS = 3000;

export function recordingsView(app, kind = null, id = null) {
  const list = h('div', {}, spinner());
  const player = h('div', { class: 'player', hidden: true });
  const view = { closed: false, timer: null };
  const load = async () => {
    try {
      const found = kind ? await ofSession(app.client, await app.client.session(kind, id)) : await ofAll(app.client);
      if (view.closed) return;
      fill(list, ...(found.length ? [h('ul', { class: 'cards' }, found.map((each) => card(app, each, player, load)))]
        : [empty('play', 'No recordings yet', 'When a moderator records a session, it can be watched here afterwards.')]));
      if (found.some(({ recording }) => recording.status === 'processing')) view.timer = setTimeout(load, POLL_MS);
    } catch (error) {
      if (!view.closed) fill(list, empty('warn', 'That did not work', sentence(error)));
    }
  };
  load();
  const element = h('div', {}, h('div', { class: 'page-head' },
    kind && h('a', { class: 'icon-button', href: '#/sessions', 'aria-label': 'Back to sessions' }, icon('back')),
    h('h1', { text: 'Recordings' })), player, list);
  return { title: 'Recordings', element, close() { view.closed = true; clearTimeout(view.timer); } };
}

async function ofSession(client, session) {
  const { items } = await client.recordings(session.kind, session.id, { limit: 100 });
  return items.map((recording) => ({ recording, session }));
}

async function ofAll(client) {
  const lists = Object.keys(KIND_NAMES).flatMap((kind) => ['live', 'ended'].map((status) => client.sessions(kind, { status, limit: 30 })));
  const sessions = (await Promise.all(lists)).flatMap(({ items }) => items);
  // One session whose recordings one may not see must not hide the others.
  const found = await Promise.all(sessions.map((session) => ofSession(client, session).catch(() => [])));
  return found.flat().sort((a, b) => b.recording.startTime.localeCompare(a.recording.startTime));
}

function card(app, { recording, session }, player, reload) {
  const seconds = recording.duration ?? (recording.endTime ? (Date.parse(recording.endTime) - Date.parse(recording.startTime)) / 1000 : 0);
  const ready = recording.status === 'ready';
  const may = app.client.user?.id === session.moderatorUserId || app.client.user?.role === 'admin';
  const remove = async () => {
    const sure = await confirmDialog({ title: 'Delete this recording?', text: 'Nobody can watch it afterwards.', confirm: 'Delete' });
    if (!sure) return;
    await app.client.deleteRecording(recording.id).then(reload, (error) => toast(sentence(error), { error: true }));
  };
  return h('li', { class: 'card session' },
    h('span', { class: 'kind video' }, icon(ready ? 'play' : recording.status === 'recording' ? 'record' : 'file')),
    h('div', { class: 'session-text' }, h('h3', { text: session.title }),
      h('p', { class: 'hint', text: [dateTime(recording.startTime), seconds ? duration(seconds) : null, recording.size ? bytes(recording.size) : null]
        .filter(Boolean).join(' · ') }),
      !ready && h('p', { class: recording.status === 'failed' ? 'hint bad' : 'hint', text: STATUS[recording.status] })),
    h('div', { class: 'row' },
      ready && h('button', { class: 'button primary', onclick: () => play(app, recording, session, player) }, icon('play', 18), h('span', { text: 'Play' })),
      may && recording.status !== 'recording' && h('button', { class: 'icon-button', 'aria-label': `Delete the recording of ${session.title}`, onclick: remove }, icon('trash'))));
}

/** The URL is signed and expires: it is asked for when somebody wants to watch, and again when it ran out. */
async function play(app, { id }, session, player) {
  const video = h('video', { controls: true, playsInline: true, preload: 'metadata' });
  const tracks = h('div', { class: 'track-list', role: 'group', 'aria-label': 'Downloads' });
  player.hidden = false;
  fill(player, h('h2', { text: session.title }), video, tracks);
  // Whose track it is: the list of participants knows the names; without it the sources must do.
  const people = await app.client.participants(session.kind, session.id, { limit: 100 }).catch(() => ({ items: [] }));
  const names = new Map(people.items.map((each) => [each.userId, each.username]));
  let renewed = false;
  const start = async () => {
    const at = video.currentTime;
    const recording = await app.client.recording(id);
    video.src = recording.videoFileUrl;
    if (at) video.currentTime = at;
    fill(tracks, ...downloads(recording, names));
    await video.play().catch(() => {});
  };
  video.addEventListener('error', () => {
    if (renewed) return void toast('The recording cannot be played.', { error: true });
    renewed = true;
    start().catch((error) => toast(sentence(error), { error: true }));
  });
  video.addEventListener('playing', () => { renewed = false; });
  player.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  await start().catch((error) => toast(sentence(error), { error: true }));
}

function downloads(recording, names) {
  const link = (url, label, size) => h('a', { class: 'button small', href: url, download: true }, icon('download', 16),
    h('span', { text: label }), Boolean(size) && h('span', { class: 'hint', text: bytes(size) }));
  const tracks = (recording.tracks ?? []).filter(({ url }) => url);
  const name = (track) => [SOURCE_NAMES[track.source] ?? track.source, names.get(track.userId)].filter(Boolean).join(' · ');
  return [link(recording.videoFileUrl, 'Whole recording', recording.size), ...tracks.map((track) => link(track.url, name(track), track.size))];
}

const SOURCE_NAMES = { microphone: 'Voice', camera: 'Camera', screen: 'Screen', screenAudio: 'Screen sound' };
