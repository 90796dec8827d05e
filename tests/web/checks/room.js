import { Backoff } from '/web/sdk/backoff.js';
import { RoomState } from '/web/sdk/roomstate.js';
import { Serial } from '/web/sdk/serial.js';
import { SdkError } from '/web/sdk/errors.js';
import { REACTIONS, UNNUMBERED } from '/web/sdk/reactions.js';
import { Tokens } from '/web/sdk/tokens.js';
import { parseAnswer } from '/web/sdk/rest.js';
import { Subscriptions } from '/web/sdk/subscriptions.js';
import { buildTiles, wantsOf } from '/web/sdk/tiles.js';
import { sentence } from '/web/app/sentences.js';
import { chooseTiles, gridFor, wantedSize } from '/web/app/room/layout.js';
import { check, equal } from './expect.js';

const person = (id, more = {}) => ({ id, username: id, mute: false, videoVisible: true, handRaised: false, joinedAt: `2026-01-01T00:00:0${id.at(-1)}.000Z`, ...more });
const track = (participantId, source, enabled = true) => ({ id: `${participantId}-${source}`, participantId, source, kind: 'video', enabled });
const entered = (n = 3) => {
  const room = new RoomState();
  room.enter({ epoch: 'e1', n, session: { id: 's' }, snapshot: { participants: [person('p1'), person('p2')], tracks: [track('p2', 'camera'), track('p2', 'microphone')], recording: null, speakers: [] } });
  return room;
};

check('events apply in order, once, and a gap is noticed', () => {
  const room = entered(3);
  equal(room.apply('participant.joined', { epoch: 'e1', n: 4, participant: person('p3') }), 'applied');
  equal(room.apply('participant.joined', { epoch: 'e1', n: 4, participant: person('p3') }), 'old');
  equal(room.apply('participant.left', { epoch: 'e1', n: 6, participantId: 'p3' }), 'gap');
  equal(room.apply('participant.left', { epoch: 'e2', n: 5, participantId: 'p3' }), 'gap');
  equal([room.n, room.participants.size], [4, 3]);
});

check('coming back replays what was missed, without what was known', () => {
  const room = entered(3);
  equal(room.since(17), { chat: 17, epoch: 'e1', n: 3 });
  const replayed = room.enter({ epoch: 'e1', n: 5, snapshot: null, events: [
    { n: 3, event: 'participant.left', data: { participantId: 'p1' } },
    { n: 4, event: 'participant.joined', data: { participant: person('p3') } },
    { n: 5, event: 'participant.left', data: { participantId: 'p2', reason: 'left' } }] });
  equal(replayed.map((each) => each.n), [4, 5]);
  equal([...room.participants.keys()], ['p1', 'p3']);
  equal([room.n, room.tracks.size], [5, 0], 'the tracks of those who left are gone');
});

check('a new epoch starts from its snapshot', () => {
  const room = entered(9);
  room.enter({ epoch: 'e2', n: 1, snapshot: { participants: [person('p9')], tracks: [], recording: { id: 'r' }, speakers: [] } });
  equal([room.epoch, room.n, [...room.participants.keys()], room.recording], ['e2', 1, ['p9'], { id: 'r' }]);
});

check('a recording is on from started to stopped', () => {
  const room = entered(0);
  room.apply('recording.started', { epoch: 'e1', n: 1, recording: { id: 'r', status: 'recording' } });
  equal(room.recording.id, 'r');
  room.apply('recording.ready', { epoch: 'e1', n: 2, recording: { id: 'earlier', status: 'ready' } });
  equal(room.recording.id, 'r', 'an earlier one becoming ready changes nothing');
  const warning = { reason: 'disk_reserve', endsAt: '2026-11-30T12:00:00.000Z' };
  room.apply('recording.warning', { epoch: 'e1', n: 3, recording: { id: 'r', status: 'recording', warning } });
  equal(room.recording.warning, warning);
  room.apply('recording.stopped', { epoch: 'e1', n: 4, recording: { id: 'r', status: 'processing' } });
  equal(room.recording, null);
});

check('a tile shows a camera only while its own frames arrive', () => {
  const room = entered();
  const stream = new MediaStream();
  const tiles = (streams) => buildTiles(room, 'p1', { streamOf: (id) => streams[id] ?? null, own: () => null, isSuspended: () => false });
  equal(tiles({}).map((tile) => [tile.participantId, tile.me, tile.hasCamera, tile.live]), [['p1', true, false, false], ['p2', false, true, false]]);
  equal(tiles({ 'p2-camera': stream })[1].camera === stream, true);
  room.tracks.set('p2-camera', track('p2', 'camera', false));
  equal(tiles({ 'p2-camera': stream })[1].camera, null, 'a camera that is off');
});

check('a tile says that its picture is held back, and the next track in the same slot is held back too', async () => {
  const slot = { kind: 'audio', stream: new MediaStream() };
  const media = { on() {}, slotOf: (mid) => (mid === '3' ? slot : undefined) };
  const subscriptions = new Subscriptions({ media, signal: async () => ({ slots: [] }) });
  const paused = () => buildTiles(entered(), 'p1', {
    streamOf: () => null, own: () => null, isSuspended: (id) => subscriptions.isSuspended(id),
  }).map((tile) => tile.cameraPaused);
  await subscriptions.assigned({ mid: '3', trackId: 'other', revision: 1 });
  subscriptions.suspended({ mid: '3', trackId: 'other', suspended: true });
  equal(paused(), [false, false]);
  await subscriptions.assigned({ mid: '3', trackId: 'p2-camera', revision: 2 });
  equal(paused(), [false, true]);
  subscriptions.suspended({ mid: '3', trackId: 'p2-camera', suspended: false });
  equal(paused(), [false, false]);
});

check('only visible pictures are wanted, but every voice', () => {
  const room = entered();
  room.tracks.set('p2-screen', track('p2', 'screen'));
  const keys = (view, video = true) => wantsOf(room, 'p1', view, video).map((want) => [want.key, want.audio, want.video]);
  equal(keys(null), [['p2/screen', null, 'p2-screen'], ['p2', 'p2-microphone', 'p2-camera']]);
  equal(keys([]), [['p2', 'p2-microphone', null]]);
  equal(keys(null, false), [['p2', 'p2-microphone', null]]);
});

check('one job at a time, and once more for all that came meanwhile', async () => {
  let runs = 0;
  let underWay = 0;
  const serial = new Serial(async () => {
    runs += 1;
    underWay += 1;
    equal(underWay, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    underWay -= 1;
  });
  await Promise.all([serial.run(), serial.run(), serial.run(), serial.run()]);
  equal(runs, 2);
  await serial.run();
  equal(runs, 3);
});

check('a job that fails does not stop the next', async () => {
  let fails = true;
  const serial = new Serial(async () => { if (fails) throw new Error('no'); });
  equal(await serial.run().catch((error) => error.message), 'no');
  fails = false;
  equal(await serial.run(), undefined);
});

check('delays double up to their bound, with jitter', () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 500, random: () => 1 });
  equal([1, 2, 3, 4, 5].map(() => backoff.next()), [100, 200, 400, 500, 500]);
  equal(new Backoff({ firstMs: 100, random: () => 0 }).next(), 50);
});

check('an access token is renewed once for all who ask, before it ends', async () => {
  let now = 0;
  const used = [];
  const tokens = new Tokens({ now: () => now, refresh: async (refreshToken) => {
    used.push(refreshToken);
    return { user: { id: 'u' }, accessToken: `a${used.length + 1}`, expiresIn: 60, refreshToken: `r${used.length + 1}` };
  } });
  tokens.accept({ user: { id: 'u' }, accessToken: 'a1', expiresIn: 60, refreshToken: 'r1' });
  equal(await tokens.token(), 'a1');
  now = 31_000;
  equal(await Promise.all([tokens.token(), tokens.token(), tokens.token()]), ['a2', 'a2', 'a2']);
  equal(used, ['r1'], 'a refresh token is used once');
  equal(await tokens.token({ refused: 'a2' }), 'a3', 'a refused one is renewed whatever its age');
});

check('a refused refresh signs out, a lost network does not', async () => {
  let error = new SdkError('offline', 'away');
  const tokens = new Tokens({ refresh: async () => { throw error; }, now: () => 0 });
  tokens.accept({ user: { id: 'u' }, accessToken: 'a', expiresIn: 0, refreshToken: 'r' });
  equal([await tokens.token().catch((each) => each.code), tokens.user], ['offline', { id: 'u' }]);
  error = new SdkError('unauthenticated', 'used', { status: 401 });
  equal([await tokens.token().catch((each) => each.code), tokens.user], ['unauthenticated', null]);
});

check('problem documents become errors with every bad field', () => {
  const body = JSON.stringify({ code: 'invalid', detail: 'wrong', errors: [{ loc: 'title', msg: 'is too long' }] });
  let caught = null;
  try { parseAnswer(422, body); } catch (error) { caught = error; }
  equal([caught.code, caught.status, caught.errors], ['invalid', 422, [{ loc: 'title', msg: 'is too long' }]]);
  try { parseAnswer(502, '<html>bad gateway'); } catch (error) { caught = error; }
  equal(caught.code, 'http_502');
});

check('tiles fill the page without overflowing it', () => {
  for (const [count, width, height] of [[1, 1280, 700], [2, 1280, 700], [5, 1280, 700], [9, 360, 560], [25, 1024, 600]]) {
    const grid = gridFor(count, width, height);
    const rows = Math.ceil(count / grid.columns);
    equal(grid.columns * grid.width + (grid.columns - 1) * 10 <= width, true, `${count} in width`);
    equal(rows * grid.height + (rows - 1) * 10 <= height, true, `${count} in height`);
    equal(grid.width >= grid.height - 1, true, 'never narrower than square');
  }
  equal(gridFor(4, 1280, 700).columns, 2);
  equal(wantedSize(300, 170), { width: 320, height: 180 });
});

check('who speaks gets a place on a full page', () => {
  const tile = (id, more = {}) => ({ id, me: false, speaking: false, hasCamera: true, participant: { handRaised: false }, ...more });
  const tiles = [tile(1, { me: true }), tile(2), tile(3), tile(4, { speaking: true })];
  equal(chooseTiles(tiles, 3).map((each) => each.id), [1, 2, 4]);
});

/** A session that publishes a camera as track `t1`, and what it emits. */
function publishing() {
  const told = [];
  const media = { publications: new Map([['camera', { source: 'camera', trackId: 't1' }]]), unpublish: async (source) => { told.push(`unpublish ${source}`); } };
  const session = { state: 'joined', me: { canPublish: true }, media, emit: (type, detail) => told.push([type, detail.source ?? null, detail.error?.code ?? detail.code]) };
  return { session, told };
}

check('the publisher of a limited track hears of it in a sentence', () => {
  const { session, told } = publishing();
  UNNUMBERED['track.limited'].call(session, { trackId: 't1', reason: 'bitrate' });
  UNNUMBERED['track.limited'].call(session, { trackId: 'another', reason: 'bitrate' });
  equal(told, [['problem', null, 'track_limited']]);
  equal(sentence(new SdkError('track_limited', '', { errors: [{ trackId: 't1' }] })).startsWith('You send more'), true);
});

check('a track that the server ended with a reason is withdrawn at once and not published again', () => {
  const { session, told } = publishing();
  REACTIONS['track.unpublished'].call(session, { trackId: 't1', participantId: 'me', reason: 'bitrate' });
  equal(told, ['unpublish camera', ['unpublished', 'camera', 'track_ended']]);
});
