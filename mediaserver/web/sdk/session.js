/**
 * One participation in a session: join, publish, watch, chat, moderate; it reconnects by itself until `leave`.
 *
 * Events (all with `detail`, or through `on(type, listener)`): `state`, `media` (ICE state), `tiles`, `participants`, `speakers`,
 * `chat`, `typing`, `recording`, `session`, `sound`, `unpublished` {source, error}, `out` {reason}, `problem` (error).
 * After `out` nothing comes back by itself.
 */
import { Backoff } from './backoff.js';
import { Chat } from './chat.js';
import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { SdkError, isPassing, sleep } from './errors.js';
import { MediaConnection } from './media.js';
import { REACTIONS, UNNUMBERED } from './reactions.js';
import { Rest } from './rest.js';
import { NUMBERED, RoomState } from './roomstate.js';
import { Subscriptions } from './subscriptions.js';
import { buildTiles, wantsOf } from './tiles.js';

const RESET_FOLLOWS_MS = 1000;
const GOES_WITH = { screen: { castScreen: true } };

export class Session extends Emitter {
  /** @param {{url?: string, token: string | ((options?: {refused?: string}) => Promise<string>)}} options */
  constructor({ url = globalThis.location?.origin, token }) {
    super();
    const getToken = typeof token === 'function' ? token : async () => token;
    this.rest = new Rest({ url, token: getToken });
    this.connection = new Connection({ url, token: getToken });
    /** @type {import('./types.js').State} */
    this.state = 'idle';
    this.room = new RoomState();
    this.participantId = null;
    /** What `session.join` answered last: `media`, `capacity`, … */
    this.welcome = null;
    const signal = (event, payload) => this.connection.request(event, payload);
    this.media = new MediaConnection({ signal });
    this.subscriptions = new Subscriptions({ media: this.media, signal });
    this.chat = new Chat({ rest: this.rest, request: signal });
    /** What I last asked to be: told again when the server has forgotten this participant. */
    this.wishes = {};
    this.view = null;
    this.early = null;
    this.#listen();
  }

  #redraw = false;

  /** Join; resolves when the room's state is known. Throws e.g. `not_started`, `ended`, `room_full`, `forbidden`. */
  async join({ kind, sessionId }) {
    Object.assign(this, { kind, sessionId });
    this.chat.place = { kind, sessionId };
    this.#become('connecting');
    this.connection.open();
    try {
      await this.#connected();
      await this.#enter();
    } catch (error) {
      this.#close();
      this.#become('left');
      throw error;
    }
    return this;
  }

  async leave() {
    if (this.state === 'joined') await this.connection.request('session.leave', {}, { timeoutMs: 1500 }).catch(() => {});
    this.#close();
    this.#become('left');
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

  setMuted(mute) {
    const track = this.media.publications.get('microphone')?.track;
    if (track) track.enabled = !mute;
    return this.update({ mute });
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
    return this.connection.request('participant.update', change);
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
    this.connection.on('up', () => this.state === 'reconnecting' && this.#comeBack());
    this.connection.on('down', () => this.state === 'joined' && this.#become('reconnecting'));
    this.connection.on('refused', ({ code }) => this.#out(code));
    this.connection.on('event', ({ event, data, ack }) => this.#heard(event, data, ack));
    this.media.on('state', (state) => this.emit('media', state));
    this.media.on('slots', () => this.emit('sound'));
    this.media.on('unpublished', (detail) => { this.emit('unpublished', detail); this.#changed(); });
    this.subscriptions.on('change', () => this.#changed());
    for (const part of [this.media, this.subscriptions]) part.on('problem', (error) => this.emit('problem', error));
    this.chat.on('change', () => this.emit('chat'));
  }

  #connected() {
    if (this.connection.connected) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.connection.on('up', resolve);
      this.connection.on('refused', ({ code, message }) => reject(new SdkError(code, message)));
    });
  }

  async #enter() {
    this.early = [];
    const { kind, sessionId, room } = this;
    const since = room.since(this.chat.log.contiguous);
    let answer;
    try {
      answer = await this.connection.request('session.join', { kind, sessionId, ...(since ? { since } : {}) }, { timeoutMs: 15_000 });
    } catch (error) {
      this.early = null;
      throw error;
    }
    const returned = this.welcome !== null;
    const before = new Map(room.tracks);
    Object.assign(this, { welcome: answer, participantId: answer.participantId });
    const replayed = room.enter(answer);
    this.chat.enter(answer.chat);
    const early = this.early;
    this.early = null;
    this.#become('joined');
    for (const { event, data } of replayed) this.#react(event, data, before);
    for (const { event, data, ack } of early) this.#heard(event, data, ack);
    await this.#restoreMedia(answer, returned);
    for (const type of ['session', 'participants', 'recording', 'speakers']) this.emit(type);
    this.#changed();
  }

  async #restoreMedia(answer, returned) {
    this.media.iceServers = answer.iceServers ?? [];
    this.subscriptions.floating = answer.media.floatingAudioSlots ?? 3;
    const { generation } = answer.media;
    if (!returned) this.media.generation = generation;
    if (!returned) return;
    if (!answer.resumed && Object.keys(this.wishes).length) await this.update(this.wishes).catch(() => {});
    if (answer.resumed && generation === this.media.generation) {
      this.media.resume();
      this.subscriptions.again();
    } else this.media.rebuild(generation + 1);
  }

  /** After a lost connection: join again until it works or the server says that it never will. */
  async #comeBack() {
    const backoff = new Backoff({ firstMs: 500, maxMs: 4000 });
    while (this.state === 'reconnecting' && this.connection.connected) {
      try {
        await this.#enter();
        return;
      } catch (error) {
        if (error.code === 'disconnected') return; // the next `up` comes here again
        if (!isPassing(error) && error.code !== 'room_full') return void this.#out(error.code);
        await sleep(backoff.next());
      }
    }
  }

  #heard(event, data, ack) {
    if (this.early) {
      this.early.push({ event, data, ack });
      return;
    }
    if (!NUMBERED.includes(event)) {
      UNNUMBERED[event]?.call(this, data, ack);
      return;
    }
    const before = new Map(this.room.tracks);
    const result = this.room.apply(event, data);
    if (result === 'gap') this.#fillGap();
    if (result !== 'applied') return;
    this.#react(event, data, before);
    this.#changed();
  }

  /** Something is missing: join again with `since`, as after a lost connection. */
  #fillGap() {
    if (this.state !== 'joined') return;
    this.#become('reconnecting');
    this.#comeBack();
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

  /**
   * A track of mine ended in the server: I may not publish any more, or the connection's media are lost. In the latter case
   * `media.reset` follows and a new connection publishes it again, under another id.
   */
  async lost(trackId) {
    const mine = () => [...this.media.publications.values()].find((each) => each.trackId === trackId);
    if (mine() && this.me?.canPublish) await sleep(RESET_FOLLOWS_MS);
    const source = mine()?.source;
    if (!source || this.state === 'left') return;
    this.media.unpublish(source).catch((error) => this.emit('problem', error));
    this.emit('unpublished', { source, error: null });
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.chat.online = state === 'joined';
    this.emit('state', state);
  }

  #out(reason) {
    if (this.state === 'left') return;
    this.#close();
    this.#become('left');
    this.emit('out', { reason });
  }

  #close() {
    this.connection.close();
    this.media.close();
    this.chat.close();
  }

  /** Leave for a reason that the server gave. */
  finish(reason) {
    this.#out(reason);
  }
}
