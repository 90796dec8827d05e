/**
 * What this person sends: microphone, camera, screen; before joining as a preview, afterwards published.
 * Invariant: a camera that is off is released (its light is out); a muted microphone stays open but silent.
 * Emits `change` and `problem` {text}.
 */
import { Emitter } from '../../sdk/emitter.js';
import { deviceSentence, sentence } from '../sentences.js';
import { openCamera, openMicrophone, openScreen } from './devices.js';

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
  }

  get cameraOn() {
    return this.camera !== null;
  }

  /** Give what is open to a session that was just joined. */
  async attach(session) {
    this.session = session;
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
      this.screen.video.addEventListener('ended', () => this.screen && this.#stopScreen());
      const { video, audio } = this.screen;
      await this.session.publish('screen', video);
      if (audio) await this.session.publish('screenAudio', audio);
      return undefined;
    });
  }

  async openMicrophone(deviceId) {
    const track = await openMicrophone(deviceId);
    this.microphone?.stop();
    this.microphone = track;
    track.enabled = !this.muted;
    if (this.session?.media.publications.has('microphone')) await this.session.replaceTrack('microphone', track);
    this.emit('change');
  }

  async openCamera(deviceId) {
    // Some systems give a camera to one user at a time: the old one goes first.
    this.camera?.stop();
    this.camera = null;
    const track = await openCamera(deviceId);
    this.camera = track;
    track.addEventListener('ended', () => this.camera === track && this.toggleCamera());
    if (this.session?.media.publications.has('camera')) await this.session.replaceTrack('camera', track);
    this.emit('change');
  }

  /** Change the device in use. @param {'audioinput' | 'videoinput'} kind */
  async useDevice(kind, deviceId) {
    if (kind === 'audioinput' && this.microphone) await this.#once('microphone', () => this.openMicrophone(deviceId));
    if (kind === 'videoinput' && this.cameraOn) await this.#once('camera', () => this.openCamera(deviceId));
  }

  close() {
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
