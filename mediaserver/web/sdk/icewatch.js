/**
 * Watches one peer connection's ICE: restarts it when it stays disconnected or fails, and asks for a new connection when
 * restarts do not help. Only the connection that is followed last counts.
 */
const DISCONNECTED_MS = 2000;
const UNHELPED_MS = 12_000;

export class IceWatch {
  /** @param {{restart: () => void, rebuild: () => void, changed: (state: string) => void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.pc = null;
  }

  /** @param {RTCPeerConnection | null} pc */
  follow(pc) {
    this.#calm();
    this.pc = pc;
    if (!pc) return;
    pc.addEventListener('iceconnectionstatechange', () => pc === this.pc && this.#changed(pc.iceConnectionState));
    // ICE may be well while DTLS has failed: its keys are gone, only a new connection helps.
    pc.addEventListener('connectionstatechange', () => {
      const dtlsFailed = pc.connectionState === 'failed' && ['connected', 'completed'].includes(pc.iceConnectionState);
      if (pc === this.pc && dtlsFailed) this.actions.rebuild();
    });
  }

  #changed(state) {
    this.actions.changed(state);
    if (state === 'connected' || state === 'completed') this.#calm();
    else if (state === 'disconnected') this.#restartIn(DISCONNECTED_MS);
    else if (state === 'failed') this.#restartIn(0);
  }

  #restartIn(ms) {
    clearTimeout(this.restartTimer);
    this.restartTimer = setTimeout(() => this.actions.restart(), ms);
    this.rebuildTimer ??= setTimeout(() => {
      this.rebuildTimer = null;
      this.actions.rebuild();
    }, UNHELPED_MS + ms);
  }

  #calm() {
    clearTimeout(this.restartTimer);
    clearTimeout(this.rebuildTimer);
    this.rebuildTimer = null;
  }
}
