/**
 * One participation in a session: join, publish, watch, chat, moderate; it reconnects by itself until `leave`.
 *
 * Events (all with `detail`, or through `on(type, listener)`): `state`, `media` (ICE state), `tiles`, `participants`, `speakers`,
 * `chat`, `typing`, `recording`, `session`, `sound`, `unpublished` {source, error}, `out` {reason}, `problem` (error).
 * After `out` nothing comes back by itself.
 */
import { Chat } from './chat.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { MediaConnection } from './media.js';
import { REACTIONS, UNNUMBERED, obey, restoreMedia } from './reactions.js';
import { Rest } from './rest.js';
import { NUMBERED, RoomState } from './roomstate.js';
import { Seat } from './seat.js';
import { Subscriptions } from './subscriptions.js';
import { buildTiles, wantsOf } from './tiles.js';

const GOES_WITH = { screen: { castScreen: true } };

export class Session extends Emitter {
  /** @param {{url?: string, token: string | ((options?: {refused?: string}) => Promise<string>)}} options */
  constructor({ url = globalThis.location?.origin, token }) {
    super();
    const getToken = typeof token === 'function' ? token : async () => token;
    this.rest = new Rest({ url, token: getToken });
    this.connection = new Connection({ url, token: getToken });
    this.room = new RoomState();
    this.participantId = null;
    const signal = (event, payload) => this.connection.request(event, payload);
    this.media = new MediaConnection({ signal });
    this.subscriptions = new Subscriptions({ media: this.media, signal });
    this.chat = new Chat({ rest: this.rest, request: signal });
    /** What I last asked to be: told again when the server has forgotten this participant. */
    this.wishes = {};
    /** How many updates of mine are not answered yet: what events say of me is older than what I asked for. */
    this.updating = 0;
    this.view = null;
    this.seat = new Seat({ connection: this.connection, owner: this.#owner() });
    this.#listen();
  }

  #redraw = false;

  /** Join; resolves when the room's state is known. Throws e.g. `not_started`, `ended`, `room_full`, `forbidden`. */
  async join({ kind, sessionId }) {
    Object.assign(this, { kind, sessionId });
    this.chat.place = { kind, sessionId };
    try {
      await this.seat.open({ kind, sessionId });
    } catch (error) {
      this.seat.close();
      throw error;
    }
    return this;
  }

  async leave() {
    if (this.state === 'joined') await this.connection.request('session.leave', {}, { timeoutMs: 1500 }).catch(() => {});
    this.seat.close();
  }

  /** @returns {import('./types.js').State} */
  get state() {
    return this.seat.state;
  }

  /** What `session.join` answered last: `media`, `capacity`, … */
  get welcome() {
    return this.seat.welcome;
  }

  get me() {
    return this.room.participants.get(this.participantId) ?? null;
  }

  get isModerator() {
    return this.me?.role === 'moderator';
  }

  /** @returns {import('./types.js').Tile[]} */
  get tiles() {
    return buildTiles(this.room, this.participantId, {
      streamOf: (trackId) => this.subscriptions.streamOf(trackId),
      isSuspended: (trackId) => this.subscriptions.isSuspended(trackId),
      own: (source) => this.ownStream(source),
    });
  }

  /** One stream for every audio slot; `playSound` plays them. */
  get audioStreams() {
    return this.media.slots.audio.map((slot) => slot.stream);
  }

  /** A stream for the preview of what I publish; the same one as long as the track is the same. */
  ownStream(source) {
    const publication = this.media.publications.get(source);
    if (!publication?.track) return null;
    if (publication.preview?.getTracks()[0] !== publication.track) publication.preview = new MediaStream([publication.track]);
    return publication.preview;
  }

  /** @param {import('./types.js').Source} source @param {MediaStreamTrack} track */
  async publish(source, track) {
    if (source === 'microphone') track.enabled = !(this.wishes.mute ?? this.me?.mute);
    const publishing = this.media.publish(source, track);
    this.#changed();
    const trackId = await publishing;
    if (GOES_WITH[source]) await this.update(GOES_WITH[source]).catch((error) => this.emit('problem', error));
    this.#changed();
    return trackId;
  }

  async unpublish(source) {
    const published = this.media.publications.has(source);
    const gone = this.media.unpublish(source);
    this.#changed();
    await gone;
    if (source === 'screen' && published) await this.update({ castScreen: false }).catch(() => {});
  }

  /** @param {MediaStreamTrack | null} track null: keep the publication, send nothing */
  async replaceTrack(source, track) {
    if (source === 'microphone' && track) track.enabled = !this.wishes.mute;
    await this.media.replaceTrack(source, track);
    this.#changed();
  }

  /** Muting silences at once, even if the server does not hear of it; unmuting that fails leaves one muted. */
  async setMuted(mute) {
    const enable = (enabled) => {
      const track = this.media.publications.get('microphone')?.track;
      if (track) track.enabled = enabled;
    };
    enable(!mute);
    try {
      return await this.update({ mute });
    } catch (error) {
      if (!mute) {
        this.wishes.mute = true;
        enable(false);
      }
      throw error;
    }
  }

  setVideoVisible(videoVisible) {
    return this.update({ videoVisible });
  }

  setHand(handRaised) {
    return this.update({ handRaised });
  }

  /** @param {{mute?: boolean, videoVisible?: boolean, castScreen?: boolean, handRaised?: boolean}} change */
  async update(change) {
    Object.assign(this.wishes, change);
    this.updating += 1;
    try {
      const answer = await this.connection.request('participant.update', change);
      if (this.updating === 1) obey(this, answer.participant); // what moderators did meanwhile is in the answer
      return answer;
    } finally {
      this.updating -= 1;
    }
  }

  /** @param {string} action `mute`, `hideVideo`, `stopScreen`, `lowerHand`, `remove`, `promote`, `demote` */
  moderate(participantId, action) {
    return this.connection.request('participant.moderate', { participantId, action });
  }

  startRecording() {
    return this.connection.request('recording.start');
  }

  stopRecording() {
    return this.connection.request('recording.stop');
  }

  end() {
    return this.connection.request('session.end');
  }

  /** Say which pictures are on the page, most important first, in CSS pixels times the device's ratio; null: all. */
  setView(view) {
    if (JSON.stringify(view) === JSON.stringify(this.view)) return;
    this.view = view;
    this.#changed();
  }

  #listen() {
    this.seat.on('state', (state) => this.#became(state));
    this.seat.on('out', (detail) => this.emit('out', detail));
    this.media.on('state', (state) => this.emit('media', state));
    this.media.on('slots', () => this.emit('sound'));
    this.media.on('unpublished', (detail) => { this.emit('unpublished', detail); this.#changed(); });
    this.subscriptions.on('change', () => this.#changed());
    for (const part of [this.media, this.subscriptions]) part.on('problem', (error) => this.emit('problem', error));
    this.chat.on('change', () => this.emit('chat'));
  }

  /** What the seat needs of this session. */
  #owner() {
    return {
      since: () => this.room.since(this.chat.log.contiguous),
      take: (answer) => this.#take(answer),
      settle: (answer, returned) => this.#settle(answer, returned),
      heard: (event, data, ack) => this.#heard(event, data, ack),
    };
  }

  #take(answer) {
    const before = new Map(this.room.tracks);
    this.participantId = answer.participantId;
    const replayed = this.room.enter(answer);
    this.chat.enter(answer.chat);
    return () => { for (const { event, data } of replayed) this.#react(event, data, before); };
  }

  async #settle(answer, returned) {
    await restoreMedia(this, answer, returned);
    for (const type of ['session', 'participants', 'recording', 'speakers']) this.emit(type);
    this.#changed();
  }

  #heard(event, data, ack) {
    if (!NUMBERED.includes(event)) {
      UNNUMBERED[event]?.call(this, data, ack);
      return;
    }
    const before = new Map(this.room.tracks);
    const result = this.room.apply(event, data);
    if (result === 'gap') this.seat.again();
    if (result !== 'applied') return;
    this.#react(event, data, before);
    this.#changed();
  }

  #react(event, data, before) {
    REACTIONS[event]?.call(this, data, before);
    this.emit(event.startsWith('recording.') ? 'recording' : event.startsWith('session.') ? 'session' : 'participants', { event, data });
  }

  /** Redraw and subscribe once for all changes of this turn of the event loop. */
  #changed() {
    if (this.#redraw) return;
    this.#redraw = true;
    queueMicrotask(() => {
      this.#redraw = false;
      if (this.state !== 'joined' && this.state !== 'reconnecting') return;
      if (this.state === 'joined') {
        const video = this.welcome.media.kinds.includes('video');
        this.subscriptions.want(wantsOf(this.room, this.participantId, this.view, video));
      }
      this.emit('tiles');
    });
  }

  #became(state) {
    this.chat.online = state === 'joined';
    if (state === 'left') {
      this.media.close();
      this.chat.close();
    }
    this.emit('state', state);
  }
}
