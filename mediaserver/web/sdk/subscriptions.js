/**
 * Keeps the receive slots bound to what is wanted, and knows whose picture a slot really carries.
 *
 * Invariant: a slot counts as live only for the track whose frames it plays. When it is bound to another track it goes dark at
 * once, frames under way run out, the server is told, and it is live again with the first new frame.
 * Emits `change` and `problem`.
 */
import { Emitter } from './emitter.js';
import { isPassing, sleep } from './errors.js';
import { awaitFrame, frameCounts } from './frames.js';
import { Serial } from './serial.js';
import { planSlots } from './slots.js';

const RUN_OUT_MS = 200;
const TRIES = 6;
const unbound = () => ({ trackId: null, revision: -1, live: false, suspended: false, used: false, turn: 0, requested: undefined });

export class Subscriptions extends Emitter {
  /** @param {{media: import('./media.js').MediaConnection, signal: (event: string, payload: object) => Promise<any>}} options */
  constructor({ media, signal }) {
    super();
    this.media = media;
    this.signal = signal;
    this.rows = [];
    this.wants = [];
    this.floating = 3;
    this.states = new Map();
    this.failures = 0;
    this.serial = new Serial(() => this.#update());
    media.on('rebuilding', () => this.reset());
    media.on('rebuilt', () => this.again());
  }

  /** @param {import('./slots.js').Want[]} wants most important first */
  want(wants) {
    this.wants = wants;
    this.#run();
  }

  /** Everything that the server knew of the slots is in doubt: subscribe to all of them again. */
  again() {
    for (const state of this.states.values()) state.requested = undefined;
    this.#run();
  }

  /** A new peer connection: its slots carry nothing yet. */
  reset() {
    for (const state of this.states.values()) state.turn = Infinity;
    this.states.clear();
    this.emit('change');
  }

  /** What `slot.assigned` says; `ack` is the event's acknowledgement. */
  async assigned({ mid, trackId, revision }, ack) {
    const slot = this.media.slotOf(mid);
    if (slot) await this.#rebind(slot, trackId, revision);
    ack?.({ ok: true });
  }

  /** What `slot.suspended` says: it holds for the slot, whatever it is bound to meanwhile. */
  suspended({ mid, suspended }) {
    const slot = this.media.slotOf(mid);
    if (!slot) return;
    this.#state(slot).suspended = suspended;
    this.emit('change');
  }

  /** Whether the server holds this track's pictures back, since the connection is too slow for them. */
  isSuspended(trackId) {
    return [...this.states.values()].some((state) => state.trackId === trackId && state.suspended);
  }

  /** The stream that plays this track, or null. Video only while its frames are arriving. */
  streamOf(trackId) {
    for (const [slot, state] of this.states) {
      if (state.trackId === trackId && (slot.kind === 'audio' || state.live)) return slot.stream;
    }
    return null;
  }

  /** The slot's picture stood still (its camera was off): wait for the next frame before it counts as live again. */
  async pictureResumes(trackId) {
    for (const [slot, state] of this.states) {
      if (state.trackId !== trackId || slot.kind !== 'video') continue;
      this.#watch(slot, state, await frameCounts(slot.transceiver.receiver), false);
    }
  }

  #run() {
    this.serial.run().catch((error) => this.emit('problem', error));
  }

  async #update() {
    const plan = planSlots(this.rows, this.wants, { floating: this.floating });
    this.rows = plan.rows;
    await this.media.ensureSlots({ audio: plan.audio.length, video: plan.video.length });
    const changes = [];
    for (const kind of ['audio', 'video']) {
      this.media.slots[kind].forEach((slot, index) => this.#compare(slot, plan[kind][index] ?? { trackId: null }, changes));
    }
    if (!changes.length) return;
    try {
      const slots = changes.map(({ slot, binding }) => ({ mid: slot.transceiver.mid, ...binding }));
      const answer = await this.signal('media.subscribe', { slots });
      for (const each of answer.slots) this.#answered(each);
    } catch (error) {
      for (const { slot } of changes) this.#state(slot).requested = undefined;
      this.#later(error);
      return;
    }
    this.failures = 0;
  }

  /** A track may have ended while it was asked for: look again soon. Without a connection `again` will be called. */
  #later(error) {
    this.failures += 1;
    if (!isPassing(error)) this.emit('problem', error);
    if (error.code !== 'disconnected' && this.failures < TRIES) setTimeout(() => this.#run(), 500 * this.failures);
  }

  #compare(slot, binding, changes) {
    if (!slot.transceiver.mid) return;
    const state = this.#state(slot);
    const wanted = JSON.stringify(binding);
    if (state.requested === wanted || (state.requested === undefined && !state.used && binding.trackId === null)) return;
    state.requested = wanted;
    state.floats = binding.trackId === 'auto';
    changes.push({ slot, binding });
  }

  #answered({ mid, trackId, revision }) {
    const slot = this.media.slotOf(mid);
    if (!slot) return;
    const state = this.#state(slot);
    if (revision > state.revision || (revision === state.revision && trackId !== state.trackId)) {
      this.#rebind(slot, trackId, revision);
    }
  }

  async #rebind(slot, trackId, revision) {
    const state = this.#state(slot);
    if (revision < state.revision) return;
    const first = !state.used;
    const turn = (state.turn += 1);
    Object.assign(state, { trackId: null, revision, live: false, used: state.used || trackId !== null });
    this.emit('change');
    const runOut = !first && !(slot.kind === 'audio' && state.floats);
    if (runOut) await sleep(RUN_OUT_MS);
    const before = first || slot.kind === 'audio' ? { frames: 0, keys: 0 } : await frameCounts(slot.transceiver.receiver);
    if (state.turn !== turn) return;
    state.trackId = trackId;
    if (trackId && slot.kind === 'video') this.#watch(slot, state, before, true);
    this.emit('change');
  }

  async #watch(slot, state, before, keyframe) {
    const { turn } = state;
    state.live = false;
    this.emit('change');
    const still = () => state.turn === turn && this.states.get(slot) === state;
    if (await awaitFrame(slot.transceiver.receiver, before, { keyframe, still })) {
      state.live = true;
      this.emit('change');
    }
  }

  #state(slot) {
    if (!this.states.has(slot)) this.states.set(slot, unbound());
    return this.states.get(slot);
  }
}
