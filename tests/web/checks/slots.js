import { hasNewFrame } from '/web/sdk/frames.js';
import { planSlots } from '/web/sdk/slots.js';
import { encodingsFor } from '/web/sdk/encodings.js';
import { keepRidExtensions } from '/web/sdk/ridanswer.js';
import { check, equal } from './expect.js';

const person = (name) => ({ key: name, audio: `${name}-mic`, video: `${name}-cam` });
const people = (...names) => names.map(person);
const ids = (bindings) => bindings.map((each) => each.trackId);

check('a microphone and camera of one person share a row, so that they play in sync', () => {
  const plan = planSlots([], people('ann', 'bob'));
  equal(ids(plan.audio), ['ann-mic', 'bob-mic']);
  equal(ids(plan.video), ['ann-cam', 'bob-cam']);
});

check('four microphones are subscribed, those beyond share floating slots', () => {
  const plan = planSlots([], people('a', 'b', 'c', 'd', 'e', 'f'), { floating: 3 });
  equal(plan.rows.map((row) => row.role), ['pair', 'pair', 'pair', 'pair', 'video', 'video', 'float', 'float', 'float']);
  equal(ids(plan.audio), ['a-mic', 'b-mic', 'c-mic', 'd-mic', null, null, 'auto', 'auto', 'auto']);
  equal(ids(plan.video), ['a-cam', 'b-cam', 'c-cam', 'd-cam', 'e-cam', 'f-cam']);
});

check('no picture stands in the row of a floating voice', () => {
  const first = planSlots([], people('a', 'b', 'c', 'd', 'e'));
  const plan = planSlots(first.rows, people('a', 'b', 'c', 'd', 'e', 'f', 'g'));
  plan.rows.forEach((row, index) => { if (row.role === 'float') equal(plan.video[index]?.trackId ?? null, null, `row ${index}`); });
  equal(ids(plan.video).filter(Boolean).length, 7);
});

check('whoever has a row keeps it when others go, and a free row is used again', () => {
  const first = planSlots([], people('a', 'b', 'c'));
  const second = planSlots(first.rows, people('a', 'c'));
  equal(ids(second.video), ['a-cam', null, 'c-cam']);
  const third = planSlots(second.rows, people('a', 'c', 'd'));
  equal(ids(third.video), ['a-cam', 'd-cam', 'c-cam']);
  equal(third.rows.length, 3);
});

check('a hidden tile keeps the voice', () => {
  const first = planSlots([], people('a', 'b'));
  const plan = planSlots(first.rows, [{ key: 'a', audio: 'a-mic', video: null }, person('b')]);
  equal([ids(plan.audio), ids(plan.video)], [['a-mic', 'b-mic'], [null, 'b-cam']]);
});

check('the sound of a screen is always subscribed, beside full rows', () => {
  const plan = planSlots([], [...people('a', 'b', 'c', 'd'), { key: 'a/screen', audio: 'a-sound', video: 'a-screen', always: true }]);
  equal(ids(plan.audio), ['a-mic', 'b-mic', 'c-mic', 'd-mic', 'a-sound']);
  equal(ids(plan.video), ['a-cam', 'b-cam', 'c-cam', 'd-cam', 'a-screen']);
});

check('voices alone need no video slots', () => {
  const plan = planSlots([], ['a', 'b'].map((key) => ({ key, audio: `${key}-mic`, video: null })));
  equal([ids(plan.audio), plan.video], [['a-mic', 'b-mic'], []]);
});

check('floating slots fall silent when nobody needs them', () => {
  const first = planSlots([], people('a', 'b', 'c', 'd', 'e'));
  const plan = planSlots(first.rows, people('a', 'b'));
  equal(ids(plan.audio).includes('auto'), false);
});

check('never more slots than the server takes', () => {
  const plan = planSlots([], people(...Array.from({ length: 80 }, (_, index) => `p${index}`)));
  equal([plan.video.length <= 50, plan.audio.length <= 20], [true, true]);
});

check('a tile asks for the size it has', () => {
  const plan = planSlots([], [{ ...person('a'), maxWidth: 320, maxHeight: 180 }]);
  equal(plan.video, [{ trackId: 'a-cam', maxWidth: 320, maxHeight: 180 }]);
});

check('layers are sent from 640×360 up, the best one first', () => {
  const rids = (width, height) => encodingsFor('camera', { width, height }).map((each) => [each.rid, each.scaleResolutionDownBy]);
  equal(rids(1280, 720), [['h', 1], ['m', 2], ['l', 4]]);
  equal(rids(640, 360), [['h', 1], ['m', 2]]);
  equal(encodingsFor('camera', { width: 320, height: 180 }), [{ maxBitrate: 300_000 }]);
  equal(encodingsFor('screen', { width: 1920, height: 1080 }).length, 1);
  equal(encodingsFor('microphone'), []);
});

check('after a change of track only a key frame is a new picture', () => {
  const before = { frames: 100, keys: 2 };
  equal(hasNewFrame(before, { frames: 103, keys: 2 }, true), false);
  equal(hasNewFrame(before, { frames: 103, keys: 3 }, true), true);
  equal(hasNewFrame(before, { frames: 101, keys: 2 }, false), true);
  equal(hasNewFrame({ frames: 100, keys: null }, { frames: 101, keys: null }, true), true, 'where key frames are not counted');
});

check('a camera that is published after slots may still send layers', async () => {
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  here.addTransceiver('video', { direction: 'recvonly' });
  await here.setLocalDescription(await here.createOffer());
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription(await there.createAnswer());
  const answer = there.localDescription.sdp.replace(/a=extmap:.*rtp-stream-id\r\n/g, '');
  await here.setRemoteDescription({ type: 'answer', sdp: keepRidExtensions(here.localDescription.sdp, answer) });
  here.addTransceiver('video', { direction: 'sendonly', sendEncodings: [{ rid: 'h' }, { rid: 'l', scaleResolutionDownBy: 2 }] });
  await here.setLocalDescription(await here.createOffer());
  equal(/a=simulcast:send h;l/.test(here.localDescription.sdp), true);
  here.close();
  there.close();
});
