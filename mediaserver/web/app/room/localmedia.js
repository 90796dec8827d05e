/**
 * What this person sends: microphone, camera, screen; before joining as a preview, afterwards published.
 * Invariant: a camera that is off is released (its light is out); a muted microphone stays open but silent.
 * Emits `change` and `problem` {text}.
 */
import { Emitter } from '../../sdk/emitter.js';
import { sleep } from '../../sdk/errors.js';
import { LastWanted } from '../../sdk/lastwanted.js';
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
    this.closed = false;
    this.preparing = null;
    this.switches = {
      microphone: this.#switch('microphone', () => Boolean(this.microphone && !this.muted), (on) => this.#setMicrophone(on)),
      camera: this.#switch('camera', () => this.cameraOn, (on) => this.#setCamera(on)),
      screen: this.#switch('screen', () => this.screen !== null, (on) => this.#setScreen(on)),
    };
    /** @type {Promise<void> | null} a change of device that is under way */
    this.changing = null;
  }

  #switch(device, current, send) {
    const failed = (error) => this.#tell(error.code && typeof error.code === 'string' ? sentence(error) : deviceSentence(error, device));
    return new LastWanted({ current, send, failed, changed: () => this.emit('change') });
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

  /** Turn the microphone on or off. Off is silent at once, whatever is still under way. */
  toggleMicrophone() {
    const { microphone } = this.switches;
    if (microphone.value && this.microphone) this.microphone.enabled = false;
    return microphone.toggle();
  }

  /** Turn the camera on or off. Off releases it at once, whatever is still under way. */
  toggleCamera() {
    const { camera } = this.switches;
    const done = camera.toggle();
    if (!camera.value) this.#release('camera');
    return done;
  }

  toggleScreen() {
    return this.switches.screen.toggle();
  }

  async #setMicrophone(on) {
    if (this.changing) await this.changing;
    if (!on) {
      this.#setMuted(true);
      return void await this.session?.setMuted(true);
    }
    if (!this.microphone) await this.openMicrophone();
    if (!this.#stillWanted('microphone', on)) return;
    this.#setMuted(false);
    if (!this.session) return;
    await this.publish();
    if (!this.#stillWanted('microphone', on)) return;
    await this.session.setMuted(false).catch((error) => {
      this.#setMuted(true); // for the server they are still muted: they must not believe that they are heard
      throw error;
    });
  }

  async #setCamera(on) {
    if (this.changing) await this.changing;
    if (!on) {
      this.#release('camera');
      if (this.session?.media.publications.has('camera')) await this.session.replaceTrack('camera', null);
      return void await this.session?.setVideoVisible(false);
    }
    if (!this.cameraOn) await this.openCamera();
    if (!this.session || !this.#stillWanted('camera', on)) return;
    await this.session.setVideoVisible(true);
    if (!this.#stillWanted('camera', on)) return;
    await this.session.publish('camera', this.camera);
  }

  async #setScreen(on) {
    if (!on) return void (this.screen && await this.#stopScreen());
    try {
      this.screen ??= await openScreen();
      if (!this.#stillWanted('screen', on)) return void await this.#stopScreen();
      this.screen.video.addEventListener('ended', () => this.screen && this.switches.screen.want(false));
      const { video, audio } = this.screen;
      await this.session.publish('screen', video);
      if (audio) await this.session.publish('screenAudio', audio);
    } catch (error) {
      if (this.screen) await this.#stopScreen().catch(() => {});
      if (error.name !== 'NotAllowedError') throw error; // closing the screen picker is no error
    }
  }

  /** Whether nothing else was asked for while something was awaited; if so, the newer wish follows at once. */
  #stillWanted(device, on) {
    return !this.closed && this.switches[device].value === on;
  }

  #setMuted(muted) {
    this.muted = muted;
    if (this.microphone) this.microphone.enabled = !muted;
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
    else track.addEventListener('ended', () => this.camera === track && this.switches.camera.want(false));
    this.emit('change');
    return true;
  }

  /** Change the device in use. @param {'audioinput' | 'videoinput'} kind */
  useDevice(kind, deviceId) {
    const [device, open] = kind === 'audioinput' ? ['microphone', () => this.openMicrophone(deviceId)] : ['camera', () => this.openCamera(deviceId)];
    const before = this.changing;
    const change = async () => {
      await before;
      await this.switches[device].want(this.switches[device].value); // what is under way first
      if (this[device] && !this.closed) await open();
    };
    const mine = change().catch((error) => this.#tell(deviceSentence(error, device))).finally(() => {
      if (this.changing === mine) this.changing = null;
    });
    this.changing = mine;
    return mine;
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
    if (me.mute && !this.muted && !this.switches.microphone.busy) this.#setMuted(true);
    if (!me.videoVisible && this.cameraOn && !this.switches.camera.busy) {
      this.#release('camera');
      this.session.replaceTrack('camera', null).catch(() => {});
    }
    if (this.screen && this.casting && !me.castScreen && !this.switches.screen.busy) {
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

  #tell(text) {
    this.emit('problem', { text });
  }
}
