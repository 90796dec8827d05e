/** The room itself: puts its parts together and gives them what they do. */
import { playSound } from '../../sdk/index.js';
import { LastWanted } from '../../sdk/lastwanted.js';
import { h } from '../dom.js';
import { recordingSentence, sentence } from '../sentences.js';
import { tellError } from '../switches.js';
import { toast } from '../toast.js';
import { chatPanel } from './chatpanel.js';
import { controls } from './controls.js';
import { devicesDialog, leaveDialog } from './dialogs.js';
import { chosenDevices } from './devices.js';
import { roomHeader } from './header.js';
import { Panels } from './panels.js';
import { peoplePanel } from './people.js';
import { shortcuts } from './shortcuts.js';
import { Stage } from './stage.js';

/** Problems of the session that concern the person in front of the page. */
const SHOWN = new Set(['codec_unsupported', 'track_limited']);

/**
 * @param {{session: import('../../sdk/index.js').Session, client: import('../../sdk/index.js').Client,
 *   local: import('./localmedia.js').LocalMedia, leave: () => void}} options
 */
export function openRoom({ session, client, local, leave }) {
  const audioOnly = session.kind === 'audio';
  const sounds = h('div', { hidden: true });
  const sound = playSound(session, { container: sounds, onBlocked: (retry) => toast('Your browser holds back the sound.', { action: { label: 'Play', run: retry } }) });
  if (chosenDevices().audiooutput) sound.setSink(chosenDevices().audiooutput);
  const actions = {
    settings: () => devicesDialog({ audioOnly, local, sound }),
    leave: () => leaving(client, session, leave),
  };
  const switches = {
    hand: new LastWanted({ current: () => Boolean(session.me?.handRaised), send: (raised) => session.setHand(raised), failed: tellError }),
    record: new LastWanted({ current: () => Boolean(session.room.recording), send: (on) => setRecording(session, on), failed: tellError }),
  };
  const panels = new Panels({ people: peoplePanel(session), chat: chatPanel(session, client, (count) => panels?.count(count)) });
  const stage = new Stage(session, { audioOnly, openPeople: () => panels.open === 'people' || panels.toggle('people') });
  const head = roomHeader(session);
  const bar = controls({ session, local, panels, switches, actions });
  const keysOff = shortcuts({ ...ownKeys(session, local, audioOnly), h: () => switches.hand.toggle(), c: () => panels.toggle('chat'), p: () => panels.toggle('people') });
  const undo = [...announce(session, local)];
  const element = h('div', { class: 'room' }, head.element, head.banner, h('div', { class: 'room-body' }, stage.element, panels.element), bar.element, sounds);
  queueMicrotask(() => stage.draw());
  return {
    element,
    close() {
      [head, stage, sound].forEach((part) => part.close());
      undo.forEach((each) => each());
      keysOff();
    },
  };
}

function ownKeys(session, local, audioOnly) {
  const may = (run) => () => session.me?.canPublish && run();
  const voice = { m: may(() => local.toggleMicrophone()) };
  return audioOnly ? voice : { ...voice, v: may(() => local.toggleCamera()), s: may(() => local.toggleScreen()) };
}

/** Somebody else may have started or stopped it meanwhile. */
async function setRecording(session, on) {
  if (Boolean(session.room.recording) === on) return;
  await (on ? session.startRecording() : session.stopRecording());
}

async function leaving(client, session, leave) {
  if (!session.isModerator) return leave();
  const { id, kind, endsWhenEmpty: before } = session.room.session;
  const { choice, endsWhenEmpty } = await leaveDialog(before);
  if (choice === 'leave' && endsWhenEmpty !== before) await client.updateSession(kind, id, { endsWhenEmpty }).catch(tellError);
  if (choice === 'end') await session.end().catch(tellError);
  else if (choice === 'leave') leave();
  return undefined;
}

/** @param {{event: string, data: {reason?: string}}} detail */
const isBad = ({ event, data }) => ['recording.failed', 'recording.warning'].includes(event) || (data.reason ?? 'stopped') !== 'stopped';

/** What happens to oneself and is not seen at once is said. */
function announce(session, local) {
  let could = session.me?.canPublish;
  let muted = session.me?.mute;
  return [
    session.on('recording', (detail) => detail && toast(recordingSentence(detail.event, detail.data), { error: isBad(detail) })),
    session.on('participants', () => {
      const { me } = session;
      if (!me) return;
      if (me.canPublish && !could) {
        toast('You are on stage now: you may speak and show your camera.');
        local.muted = true;
        local.publish();
        if (me.handRaised) session.setHand(false).catch(() => {}); // what it asked for has come
      }
      if (!me.canPublish && could) toast('You are in the audience now.');
      if (me.mute && muted === false && !local.muted) toast('The moderator muted you.');
      could = me.canPublish;
      muted = me.mute;
    }),
    local.on('problem', ({ text }) => toast(text, { error: true })),
    session.on('problem', (error) => SHOWN.has(error.code) && toast(sentence(error), { error: true })),
  ];
}
