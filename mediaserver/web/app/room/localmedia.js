/**
 * What this person sends: microphone, camera, screen; before joining as a preview, afterwards published.
 * Invariant: a camera that is off is released (its light is out); a muted microphone stays open but silent.
 * Emits `change` and `problem` {text}.
 */
import { Emitter } from '../../sdk/emitter.js';
import { sleep } from '../../sdk/errors.js';
import { deviceSentence, sentence } from '../sentences.js';
import { openBoth, openCamera, openMicrophone, openScreen } from './devices.js';

/** Whoever joins at once has devices that are just opening; whoever leaves a question unanswered joins without them. */
const PATIENCE_MS = 3000;

export class LocalMedia extends Emitter {
  constructor() {
    super();
    this.session = null;
    this.microphone = null;
    this.camera = null;
    this.screen = null;
    this.muted = false;
    this.casting = false;
    this.busy = new Set();
    this.closed = false;
    this.preparing = null;
  }

  get cameraOn() {
    return this.camera !== null;
  }

  /** Open what there is, for a look before joining; each device that cannot be had is a `problem`. */
  prepare({ audioOnly }) {
    this.preparing = this.#prepare(audioOnly).finally(() => {
      this.preparing = null;
      this.emit('change');
    });
  }

  async #prepare(audioOnly) {
    if (!audioOnly) {
      const both = await openBoth().catch(() => null); // one of them may still work
      if (both) return void (this.#take('microphone', both.microphone), this.#take('camera', both.camera));
    }
    await this.openMicrophone().catch((error) => this.#tell(deviceSentence(error, 'microphone')));
    if (!audioOnly) await this.openCamera().catch((error) => this.#tell(deviceSentence(error, 'camera')));
  }

  /** Give what is open to a session that was just joined. */
  async attach(session) {
    this.session = session;
    await Promise.race([this.preparing, sleep(PATIENCE_MS)]);
    if (this.closed) return;
    this.undo = [
      session.on('unpublished', ({ source, error }) => this.#lost(source, error)),
      session.on('participants', () => this.#follow()),
    ];
    this.muted ||= !this.microphone;
    await session.update({ mute: this.muted, videoVisible: this.cameraOn }).catch(() => {});
    await this.publish();
  }

  /** Publish what is open, where this person may. */
  async publish() {
    const { session } = this;
    if (!session?.me?.canPublish) return;
    const open = { microphone: this.microphone, camera: this.camera };
    // At once: both go into one negotiation.
    await Promise.all(Object.entries(open).map(async ([source, track]) => {
      if (track && !session.media.publications.has(source)) await session.publish(source, track).catch((error) => this.#tell(sentence(error)));
    }));
    this.emit('change');
  }

  async toggleMicrophone() {
    await this.#once('microphone', async () => {
      if (!this.microphone) {
        await this.openMicrophone();
        this.muted = true; // becomes false below
      }
      this.muted = !this.muted;
      this.microphone.enabled = !this.muted;
      if (!this.session) return;
      await this.publish();
      await this.session.setMuted(this.muted);
    });
  }

  async toggleCamera() {
    await this.#once('camera', async () => {
      if (this.cameraOn) {
        this.#release('camera');
        if (this.session?.media.publications.has('camera')) await this.session.replaceTrack('camera', null);
        await this.session?.setVideoVisible(false);
        return;
      }
      await this.openCamera();
      if (!this.session) return;
      await this.session.setVideoVisible(true);
      await this.session.publish('camera', this.camera);
    });
  }

  async toggleScreen() {
    await this.#once('screen', async () => {
      if (this.screen) return this.#stopScreen();
      this.screen = await openScreen();
      if (this.closed) return this.#stopScreen();
      this.screen.video.addEventListener('ended', () => this.screen && this.#stopScreen());
      const { video, audio } = this.screen;
      await this.session.publish('screen', video);
      if (audio) await this.session.publish('screenAudio', audio);
      return undefined;
    });
  }

  async openMicrophone(deviceId) {
    const track = await openMicrophone(deviceId);
    if (!this.#take('microphone', track)) return;
    if (this.session?.media.publications.has('microphone')) await this.session.replaceTrack('microphone', track);
    this.emit('change');
  }

  async openCamera(deviceId) {
    // Some systems give a camera to one user at a time: the old one goes first.
    this.camera?.stop();
    this.camera = null;
    const track = await openCamera(deviceId);
    if (!this.#take('camera', track)) return;
    if (this.session?.media.publications.has('camera')) await this.session.replaceTrack('camera', track);
    this.emit('change');
  }

  /** @returns {boolean} false: too late, everything was closed meanwhile */
  #take(source, track) {
    if (this.closed) {
      track.stop();
      return false;
    }
    this[source]?.stop();
    this[source] = track;
    if (source === 'microphone') track.enabled = !this.muted;
    else track.addEventListener('ended', () => this.camera === track && this.toggleCamera());
    this.emit('change');
    return true;
  }

  /** Change the device in use. @param {'audioinput' | 'videoinput'} kind */
  async useDevice(kind, deviceId) {
    if (kind === 'audioinput' && this.microphone) await this.#once('microphone', () => this.openMicrophone(deviceId));
    if (kind === 'videoinput' && this.cameraOn) await this.#once('camera', () => this.openCamera(deviceId));
  }

  close() {
    this.closed = true;
    this.undo?.forEach((undo) => undo());
    this.session = null;
    for (const track of [this.microphone, this.camera, this.screen?.video, this.screen?.audio]) track?.stop();
    this.microphone = this.camera = this.screen = null;
  }

  async #stopScreen() {
    const { video, audio } = this.screen;
    this.screen = null;
    for (const track of [video, audio]) track?.stop();
    await this.session?.unpublish('screenAudio');
    await this.session?.unpublish('screen');
    this.emit('change');
  }

  #release(source) {
    const track = this[source];
    this[source] = null;
    track?.stop();
  }

  /** A moderator muted me, hid my camera or lowered my rights: the page shows it and the devices follow. */
  #follow() {
    const { me } = this.session;
    if (!me) return;
    if (me.mute && !this.muted && !this.busy.has('microphone')) {
      this.muted = true;
      if (this.microphone) this.microphone.enabled = false;
    }
    if (!me.videoVisible && this.cameraOn && !this.busy.has('camera')) {
      this.#release('camera');
      this.session.replaceTrack('camera', null).catch(() => {});
    }
    if (this.screen && this.casting && !me.castScreen && !this.busy.has('screen')) {
      this.#tell('The moderator stopped your screen.');
      this.#stopScreen().catch(() => {});
    }
    this.casting = me.castScreen;
    this.emit('change');
  }

  #lost(source, error) {
    if (error) this.#tell(sentence(error));
    if (source === 'screen' && this.screen) {
      for (const track of [this.screen.video, this.screen.audio]) track?.stop();
      this.screen = null;
      if (!error) this.#tell('Your screen is not shared any more.');
    }
    if (source === 'camera') this.#release('camera');
    this.emit('change');
  }

  async #once(device, run) {
    if (this.busy.has(device)) return;
    this.busy.add(device);
    this.emit('change');
    try {
      await run();
    } catch (error) {
      // Closing the screen picker is no error.
      const cancelled = device === 'screen' && error.name === 'NotAllowedError';
      if (device === 'screen' && this.screen) await this.#stopScreen().catch(() => {});
      if (!cancelled) this.#tell(error.code && typeof error.code === 'string' ? sentence(error) : deviceSentence(error, device));
    } finally {
      this.busy.delete(device);
      this.emit('change');
    }
  }

  #tell(text) {
    this.emit('problem', { text });
  }
}
