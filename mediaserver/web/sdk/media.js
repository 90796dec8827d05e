/**
 * The one RTCPeerConnection of a participant: what is published, and the receive slots.
 *
 * The client offers, one negotiation at a time; m-lines are never stopped but turned inactive and used again; only
 * `addTransceiver` is used (`addTrack` may take over a receive slot). Everything survives a new peer connection.
 * Emits `slots` (there are new ones), `state` (ICE), `rebuilding`, `rebuilt`, `unpublished` {source, error}, `problem` (error).
 */
import { Backoff } from './backoff.js';
import { Emitter } from './emitter.js';
import { encodingsFor } from './encodings.js';
import { SdkError, isPassing, sleep } from './errors.js';
import { IceWatch } from './icewatch.js';
import { keepRidExtensions } from './ridanswer.js';
import { Serial } from './serial.js';

const KIND = { microphone: 'audio', screenAudio: 'audio', camera: 'video', screen: 'video' };

/**
 * @typedef {{kind: 'audio' | 'video', index: number, transceiver: RTCRtpTransceiver, stream: MediaStream}} Slot
 * @typedef {{source: string, track: MediaStreamTrack | null, sender: object | null, trackId: string | null}} Publication
 */
export class MediaConnection extends Emitter {
  /** @param {{signal: (event: string, payload: object) => Promise<any>}} options */
  constructor({ signal }) {
    super();
    this.signal = signal;
    this.generation = 0;
    this.iceServers = [];
    this.pc = null;
    /** @type {Map<string, Publication>} */
    this.publications = new Map();
    /** @type {{audio: Slot[], video: Slot[]}} */
    this.slots = { audio: [], video: [] };
    /** Send transceivers, kept for reuse: `source` null means free. */
    this.senders = [];
    this.closed = false;
    this.iceRestart = false;
    this.backoff = new Backoff({ firstMs: 300, maxMs: 3000 });
    this.serial = new Serial(() => this.#negotiateUntilDone());
    this.watch = new IceWatch({
      restart: () => this.restartIce(),
      rebuild: () => this.rebuild(),
      changed: (state) => this.emit('state', state),
    });
  }

  get iceState() {
    return this.pc?.iceConnectionState ?? 'new';
  }

  /** Publish a track (or another one in its place). Resolves with the server's track id. */
  async publish(source, track) {
    const publication = this.publications.get(source);
    if (publication) {
      await this.replaceTrack(source, track);
      return publication.trackId;
    }
    const added = { source, track, sender: null, trackId: null, error: null };
    this.publications.set(source, added);
    this.#open();
    this.#attach(added);
    await this.serial.run();
    if (added.error) throw added.error;
    return added.trackId;
  }

  async unpublish(source) {
    if (!this.#detach(source)) return;
    await this.serial.run();
  }

  /** Another device or content in the same publication: no renegotiation, the server sees the same track. */
  async replaceTrack(source, track) {
    const publication = this.publications.get(source);
    if (!publication) throw new SdkError('not_published', `There is no ${source} to replace.`);
    publication.track = track;
    await publication.sender?.transceiver.sender.replaceTrack(track);
  }

  /** Grow to at least so many receive slots. */
  async ensureSlots({ audio, video }) {
    if (audio <= this.slots.audio.length && video <= this.slots.video.length) return;
    this.#open();
    for (const [kind, count] of [['audio', audio], ['video', video]]) {
      while (this.slots[kind].length < count) {
        this.slots[kind].push(this.#fillSlot({ kind, index: this.slots[kind].length }));
      }
    }
    await this.serial.run();
    this.emit('slots');
  }

  slotOf(mid) {
    return [...this.slots.audio, ...this.slots.video].find(({ transceiver }) => transceiver.mid === mid) ?? null;
  }

  /** The signalling is back: what was interrupted goes on. */
  resume() {
    this.wake?.();
    if (this.pc && !['connected', 'completed', 'new', 'checking'].includes(this.iceState)) this.restartIce();
    else if (this.pc) this.serial.run().catch((error) => this.emit('problem', error));
  }

  restartIce() {
    this.iceRestart = true;
    this.serial.run().catch((error) => this.emit('problem', error));
  }

  /** A new peer connection with the same tracks and slots; its generation is at least `generation`. */
  rebuild(generation = 0) {
    this.generation = Math.max(this.generation, generation - 1);
    if (this.closed || !this.pc) return Promise.resolve();
    this.#drop();
    this.#open();
    for (const kind of ['audio', 'video']) this.slots[kind].forEach((slot) => this.#fillSlot(slot));
    for (const publication of this.publications.values()) this.#attach(publication);
    this.emit('rebuilding');
    this.emit('slots');
    this.wake?.();
    const done = this.serial.run();
    done.then(() => this.emit('rebuilt'), (error) => this.emit('problem', error));
    return done.catch(() => {});
  }

  close() {
    this.closed = true;
    this.wake?.();
    this.#drop();
  }

  #open() {
    if (this.pc || this.closed) return;
    this.generation += 1;
    this.pc = new RTCPeerConnection({ iceServers: this.iceServers, bundlePolicy: 'max-bundle' });
    this.watch.follow(this.pc);
  }

  #drop() {
    this.watch.follow(null);
    this.pc?.close();
    this.pc = null;
    this.senders = [];
    this.iceRestart = false;
  }

  #fillSlot(slot) {
    slot.transceiver = this.pc.addTransceiver(slot.kind, { direction: 'recvonly' });
    slot.stream = new MediaStream([slot.transceiver.receiver.track]);
    return slot;
  }

  #attach(publication) {
    const { source, track } = publication;
    const kind = KIND[source];
    const encodings = encodingsFor(source, track?.getSettings?.() ?? {});
    const layers = encodings.length;
    let sender = this.senders.find((each) => !each.source && each.kind === kind && each.layers === layers);
    if (sender) {
      sender.transceiver.direction = 'sendonly';
      sender.transceiver.sender.replaceTrack(track).catch((error) => this.emit('problem', error));
    } else {
      const init = { direction: 'sendonly', streams: track ? [new MediaStream([track])] : [] };
      if (encodings.length) init.sendEncodings = encodings;
      sender = { kind, layers, transceiver: this.pc.addTransceiver(track ?? kind, init) };
      this.senders.push(sender);
    }
    sender.source = source;
    publication.sender = sender;
    publication.trackId = null;
  }

  #detach(source) {
    const publication = this.publications.get(source);
    if (!publication) return null;
    this.publications.delete(source);
    const { sender } = publication;
    if (sender) {
      sender.source = null;
      sender.transceiver.direction = 'inactive';
      sender.transceiver.sender.replaceTrack(null).catch(() => {});
    }
    return publication;
  }

  /** Try until it works or is refused for good; a refusal takes the not yet accepted publications with it. */
  async #negotiateUntilDone() {
    while (!this.closed && this.pc) {
      const { pc } = this;
      try {
        await this.#negotiate(pc);
        this.backoff.reset();
        return;
      } catch (error) {
        if (this.closed) return;
        if (this.pc !== pc) continue;
        await rollBack(pc);
        if (error.code === 'stale_generation') return void this.rebuild(this.generation + 2);
        if (isPassing(error)) await this.#pause(error.code === 'disconnected' ? 60_000 : this.backoff.next());
        else if (!this.#refuse(error)) throw error;
      }
    }
  }

  async #negotiate(pc) {
    const { iceRestart } = this;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart }));
    const tracks = {};
    for (const { source, sender } of this.publications.values()) {
      if (sender?.transceiver.mid) tracks[sender.transceiver.mid] = { source };
    }
    const { generation } = this;
    const answer = await this.signal('media.negotiate', { generation, sdp: pc.localDescription.sdp, tracks });
    if (pc !== this.pc) throw new SdkError('disconnected', 'Another connection took over.');
    await pc.setRemoteDescription({ type: 'answer', sdp: keepRidExtensions(pc.localDescription.sdp, answer.sdp) });
    if (iceRestart) this.iceRestart = false;
    for (const publication of this.publications.values()) {
      const trackId = answer.tracks?.[publication.sender?.transceiver.mid];
      if (trackId) publication.trackId = trackId;
    }
  }

  #refuse(error) {
    const fresh = [...this.publications.values()].filter((each) => each.trackId === null);
    for (const publication of fresh) {
      this.#detach(publication.source);
      publication.error = error;
      this.emit('unpublished', { source: publication.source, error });
    }
    return fresh.length > 0;
  }

  async #pause(ms) {
    await Promise.race([sleep(ms), new Promise((resolve) => { this.wake = resolve; })]);
    this.wake = null;
  }
}

async function rollBack(pc) {
  if (pc.signalingState === 'have-local-offer') await pc.setLocalDescription({ type: 'rollback' }).catch(() => {});
}
