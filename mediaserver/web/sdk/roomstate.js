/**
 * What a client knows of a running room: a pure reducer of the snapshot and the numbered events.
 * An event is applied exactly once, and only when it is the next one of its epoch.
 */

export const NUMBERED = ['participant.joined', 'participant.updated', 'participant.left', 'track.published',
  'track.updated', 'track.unpublished', 'recording.started', 'recording.warning', 'recording.stopped', 'recording.ready', 'recording.failed',
  'session.updated', 'session.ended'];

const REDUCERS = {
  'participant.joined': (room, { participant }) => room.participants.set(participant.id, participant),
  'participant.updated': (room, { participant }) => room.participants.set(participant.id, participant),
  'participant.left': (room, { participantId }) => room.forget(participantId),
  'track.published': (room, { track }) => room.tracks.set(track.id, track),
  'track.updated': (room, { track }) => room.tracks.set(track.id, track),
  'track.unpublished': (room, { trackId }) => room.tracks.delete(trackId),
  'recording.started': (room, { recording }) => { room.recording = recording; },
  'recording.warning': (room, { recording }) => { if (room.recording?.id === recording.id) room.recording = recording; },
  'recording.stopped': (room, { recording }) => room.endRecording(recording),
  'recording.ready': (room, { recording }) => room.endRecording(recording),
  'recording.failed': (room, { recording }) => room.endRecording(recording),
  'session.updated': (room, { session }) => { room.session = session; },
  'session.ended': () => {},
};

export class RoomState {
  constructor() {
    this.epoch = null;
    this.n = 0;
    /** @type {Map<string, import('./types.js').Participant>} */
    this.participants = new Map();
    /** @type {Map<string, import('./types.js').Track>} */
    this.tracks = new Map();
    this.recording = null;
    this.session = null;
    this.speakers = [];
  }

  /** Take over the answer of `session.join`. Returns the events that it replays, in order, for listeners. */
  enter(answer) {
    if (answer.session) this.session = answer.session;
    if (!answer.snapshot) {
      const replayed = (answer.events ?? []).filter(({ n, event, data }) =>
        this.apply(event, { ...data, n, epoch: answer.epoch }) === 'applied');
      this.epoch = answer.epoch;
      this.n = Math.max(this.n, answer.n);
      return replayed;
    }
    const { participants, tracks, recording, speakers } = answer.snapshot;
    this.participants = new Map(participants.map((each) => [each.id, each]));
    this.tracks = new Map(tracks.map((each) => [each.id, each]));
    this.recording = recording ?? null;
    this.speakers = speakers ?? [];
    this.epoch = answer.epoch;
    this.n = answer.n;
    return [];
  }

  /** @returns {'applied' | 'old' | 'gap'} `gap`: something is missing before this event; join again with `since` */
  apply(event, data) {
    if (this.epoch !== null && data.epoch !== this.epoch) return 'gap';
    if (data.n <= this.n) return 'old';
    if (data.n > this.n + 1) return 'gap';
    this.n = data.n;
    REDUCERS[event]?.(this, data);
    return 'applied';
  }

  since(chat) {
    return this.epoch === null ? undefined : { chat, epoch: this.epoch, n: this.n };
  }

  forget(participantId) {
    this.participants.delete(participantId);
    for (const [id, track] of this.tracks) if (track.participantId === participantId) this.tracks.delete(id);
  }

  endRecording(recording) {
    if (this.recording?.id === recording.id) this.recording = null;
  }

  /** The track of a participant from one source, or null. */
  trackOf(participantId, source) {
    for (const track of this.tracks.values()) {
      if (track.participantId === participantId && track.source === source) return track;
    }
    return null;
  }
}
