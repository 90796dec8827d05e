/** What a session does on server events beyond keeping the room's state; `this` is the Session. */
import { SdkError } from './errors.js';

/** What else follows from an event than the new state. */
export const REACTIONS = {
  'participant.updated'({ participant }) {
    if (participant.id !== this.participantId) return;
    const track = this.media.publications.get('microphone')?.track;
    if (participant.mute && track) track.enabled = false; // a moderator muted me
    for (const name of ['mute', 'videoVisible', 'handRaised', 'castScreen']) {
      if (name in this.wishes) this.wishes[name] = participant[name];
    }
  },
  'track.updated'({ track }, before) {
    if (track.enabled && before.get(track.id)?.enabled === false) this.subscriptions.pictureResumes(track.id);
  },
  'track.unpublished'({ trackId }) {
    this.lost(trackId);
  },
  'session.ended'({ reason }) {
    this.finish(reason);
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
  'slot.unsupported'(data) {
    this.emit('problem', new SdkError('codec_unsupported', 'This browser cannot play one of the videos.', { errors: [data] }));
  },
  'media.reset'({ generation }) {
    this.media.rebuild(generation);
  },
  'session.replaced'({ reason }) {
    this.finish(reason);
  },
};
