/** Recordings of one session, or of all recent ones, with a player. */
import { fill, h } from '../dom.js';
import { bytes, dateTime, duration } from '../format.js';
import { icon } from '../icons.js';
import { confirmDialog, empty, spinner } from '../parts.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';

const STATUS = { recording: 'Recording now', processing: 'Being prepared', failed: 'Failed' };
const POLL_MS = 3000;

export function recordingsView(app, kind = null, id = null) {
  const list = h('div', {}, spinner());
  const player = h('div', { class: 'player', hidden: true });
  const view = { closed: false, timer: null };
  const load = async () => {
    try {
      const found = kind ? await ofSession(app.client, { kind, id }) : await ofAll(app.client);
      if (view.closed) return;
      fill(list, ...(found.length ? [h('ul', { class: 'cards' }, found.map((each) => card(app, each, player, load)))]
        : [empty('play', 'No recordings yet', 'When a moderator records a session, it can be watched here afterwards.')]));
      if (found.some(({ status }) => status === 'processing')) view.timer = setTimeout(load, POLL_MS);
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

async function ofSession(client, { kind, id }) {
  return (await client.recordings(kind, id, { limit: 100 })).items;
}

async function ofAll(client) {
  return (await client.ownRecordings({ limit: 100 })).items;
}

function card(app, recording, player, reload) {
  const seconds = recording.duration ?? (recording.endTime ? (Date.parse(recording.endTime) - Date.parse(recording.startTime)) / 1000 : 0);
  const ready = recording.status === 'ready';
  const { session } = recording;
  const may = app.client.user?.id === recording.moderatorUserId || app.client.user?.role === 'admin';
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

/** The link is signed and expires: it is asked for when somebody wants to watch, and renewed by `freshlinks.js`. */
async function play(app, { id }, session, player) {
  const video = h('video', { controls: true, playsInline: true, preload: 'metadata' });
  const tracks = h('div', { class: 'track-list', role: 'group', 'aria-label': 'Downloads' });
  player.hidden = false;
  fill(player, h('h2', { text: session.title }), video, tracks);
  const start = async () => {
    const recording = await app.client.recording(id);
    video.src = recording.videoFileUrl;
    fill(tracks, ...downloads(recording));
    await video.play().catch(() => {});
  };
  video.addEventListener('linkfailed', () => toast('The recording cannot be played.', { error: true }));
  player.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  await start().catch((error) => toast(sentence(error), { error: true }));
}

function downloads(recording) {
  const link = (url, label, size) => h('a', { class: 'button small', href: url, download: true }, icon('download', 16),
    h('span', { text: label }), Boolean(size) && h('span', { class: 'hint', text: bytes(size) }));
  const tracks = (recording.tracks ?? []).filter(({ url }) => url);
  const name = (track) => [SOURCE_NAMES[track.source] ?? track.source, track.username].filter(Boolean).join(' · ');
  return [link(recording.videoFileUrl, 'Whole recording', recording.size), ...tracks.map((track) => link(track.url, name(track), track.size))];
}

const SOURCE_NAMES = { microphone: 'Voice', camera: 'Camera', screen: 'Screen', screenAudio: 'Screen sound' };
