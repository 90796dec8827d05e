/** What a session does on server events beyond keeping the room's state; `this` is the Session. */
import { SdkError, sleep } from './errors.js';

const RESET_FOLLOWS_MS = 1000;

/** What else follows from an event than the new state. */
export const REACTIONS = {
  'participant.updated'({ participant }) {
    if (participant.id === this.participantId && !this.updating) obey(this, participant);
  },
  'track.updated'({ track }, before) {
    if (track.enabled && before.get(track.id)?.enabled === false) this.subscriptions.pictureResumes(track.id);
  },
  'track.unpublished'({ trackId, reason }) {
    if (reason) trackEnded(this, trackId);
    else trackLost(this, trackId);
  },
  'session.ended'({ reason }) {
    this.seat.out(reason);
  },
};

/** Events that carry no number: they are not replayed. */
export const UNNUMBERED = {
  'speaker.active'({ speakers }) {
    this.room.speakers = speakers;
    this.emit('speakers');
    this.emit('tiles');
  },
  'chat.message'(message) {
    this.chat.receive(message);
  },
  'chat.typing'(detail) {
    if (detail.participantId !== this.participantId) this.emit('typing', detail);
  },
  'slot.assigned'(data, ack) {
    this.subscriptions.assigned(data, ack);
  },
  'slot.suspended'(data) {
    this.subscriptions.suspended(data);
    this.emit('suspended', data);
  },
  'slot.unsupported'(data) {
    this.emit('problem', new SdkError('codec_unsupported', 'This browser cannot play one of the videos.', { errors: [data] }));
  },
  'track.limited'(data) {
    const source = published(this, data.trackId)?.source;
    if (source) this.emit('problem', new SdkError('track_limited', `The server drops a part of the ${source}: it exceeds the limit.`, { errors: [data] }));
  },
  'media.reset'({ generation }) {
    this.media.rebuild(generation);
  },
  'session.replaced'({ reason }) {
    this.seat.out(reason);
  },
};

/** What the server says of me holds, whoever asked for it: a moderator may have muted me. */
export function obey(session, participant) {
  const track = session.media.publications.get('microphone')?.track;
  if (participant.mute && track) track.enabled = false;
  for (const name of ['mute', 'videoVisible', 'handRaised', 'castScreen']) {
    if (name in session.wishes) session.wishes[name] = participant[name];
  }
}

/** After joining: the media go on where they were, or begin again with a new connection. */
export async function restoreMedia(session, answer, returned) {
  const { media, subscriptions, wishes } = session;
  const { generation } = answer.media;
  media.iceServers = answer.iceServers ?? [];
  subscriptions.floating = answer.media.floatingAudioSlots ?? 3;
  if (!returned) {
    media.generation = generation;
    return;
  }
  // The server forgot me, or a wish was lost with the connection.
  const lost = Object.keys(wishes).some((name) => wishes[name] !== session.me?.[name]);
  if (lost) await session.update(wishes).catch(() => {});
  if (answer.resumed && generation === media.generation) {
    media.resume();
    subscriptions.again();
  } else media.rebuild(generation + 1);
}

/**
 * A track of mine ended in the server: I may not publish any more, or the connection's media are lost. In the latter case
 * `media.reset` follows and a new connection publishes it again, under another id.
 */
async function trackLost(session, trackId) {
  if (published(session, trackId) && session.me?.canPublish) await sleep(RESET_FOLLOWS_MS);
  const source = published(session, trackId)?.source;
  if (source && session.state !== 'left') withdraw(session, source, null);
}

/** The server ended a track of mine because it exceeded the server's limits: it must not be published again as it was. */
function trackEnded(session, trackId) {
  const source = published(session, trackId)?.source;
  if (source) withdraw(session, source, new SdkError('track_ended', `The server ended the ${source}: it exceeded the limit for too long.`));
}

function withdraw(session, source, error) {
  session.media.unpublish(source).catch((problem) => session.emit('problem', problem));
  session.emit('unpublished', { source, error });
}

/** My publication with this track id. */
function published(session, trackId) {
  return [...session.media.publications.values()].find((each) => each.trackId === trackId);
}
