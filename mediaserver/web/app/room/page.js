/** A session's page through its stations: look at oneself, wait for the moderator, be in the room, see how it ended. */
import { Session } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { dateTime } from '../format.js';
import { icon } from '../icons.js';
import { spinner } from '../parts.js';
import { reasonSentence, sentence } from '../sentences.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { LocalMedia } from './localmedia.js';
import { prejoin } from './prejoin.js';
import { openRoom } from './room.js';

const ASK_AGAIN_MS = 3000;

export function roomView(app, kind, id) {
  const view = { element: h('div', { class: 'room-page' }, spinner()), title: 'Session', close: () => page.close() };
  const page = new RoomPage(app, kind, id, view.element);
  page.begin();
  return view;
}

class RoomPage {
  constructor(app, kind, id, element) {
    Object.assign(this, { app, kind, id, element, part: null, session: null, closed: false });
    this.local = new LocalMedia();
    this.onHide = () => this.session?.leave();
    addEventListener('pagehide', this.onHide);
  }

  async begin() {
    try {
      this.document = await this.app.client.session(this.kind, this.id);
    } catch (error) {
      this.#over(sentence(error));
      return;
    }
    setTitle(this.document.title);
    if (this.document.status === 'ended') this.#over(reasonSentence('ended'), { recorded: true });
    else if (!this.closed) this.#prejoin();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener('pagehide', this.onHide);
    this.part?.close?.();
    this.local.close();
    this.session?.leave();
  }

  #show(part) {
    this.part?.close?.();
    this.part = part;
    fill(this.element, part.element);
  }

  #prejoin() {
    this.#show(prejoin({ session: this.document, user: this.app.client.user, local: this.local, join: () => this.#join() }));
  }

  async #join() {
    if (this.joining || this.closed) return;
    this.joining = true;
    const session = new Session({ url: this.app.client.url, token: this.app.client.token });
    try {
      if (!this.waiting) this.#show({ element: spinner('Joining…') });
      await session.join({ kind: this.kind, sessionId: this.id });
    } catch (error) {
      if (!this.closed) this.#refused(error);
      return;
    } finally {
      this.joining = false;
    }
    if (this.closed) return void session.leave();
    this.waiting = false;
    this.#enter(session);
  }

  #enter(session) {
    this.session = session;
    session.on('out', ({ reason }) => this.#left(reason));
    this.#show(openRoom({ session, client: this.app.client, local: this.local, leave: () => this.#leave() }));
    this.local.attach(session);
  }

  #refused(error) {
    if (error.code === 'not_started') return this.#wait();
    if (['ended', 'removed', 'forbidden', 'not_enrolled', 'not_enrolled', 'not_found', 'room_full'].includes(error.code)) return this.#over(sentence(error), { recorded: error.code === 'ended' });
    toast(sentence(error), { error: true });
    return this.#prejoin();
  }

  /** The session is not open yet: ask again by itself. */
  #wait() {
    if (!this.waiting) {
      this.waiting = true;
      this.#show({ element: h('div', { class: 'lobby' }, h('div', { class: 'card stack' }, h('span', { class: 'pulse' }, icon('calendar', 32)), h('h1', { text: this.document.title }),
        this.document.startTime && h('p', { class: 'planned', text: dateTime(this.document.startTime) }),
        h('p', { text: 'The moderator has not started this session yet. You join by yourself as soon as it begins.' }),
        h('a', { class: 'button', href: '#/sessions', text: 'Back to sessions' }))) });
    }
    this.timer = setTimeout(() => this.#join(), ASK_AGAIN_MS);
  }

  async #leave() {
    const { session } = this;
    this.session = null;
    this.local.close();
    await session.leave();
    this.app.go('/sessions');
  }

  #left(reason) {
    this.session = null;
    this.local.close();
    this.local = new LocalMedia();
    if (!this.closed) this.#over(reasonSentence(reason), { mayReturn: reason === 'another_tab', recorded: reason === 'ended' });
  }

  #over(text, { mayReturn = false, recorded = false } = {}) {
    this.#show({ element: h('div', { class: 'lobby' }, h('div', { class: 'card stack' }, h('h1', { text: this.document?.title ?? 'Session' }), h('p', { text }),
      h('div', { class: 'row center wrap' }, mayReturn && h('button', { class: 'button primary', onclick: () => this.#prejoin(), text: 'Use it here' }),
        recorded && h('a', { class: 'button', href: `#/recordings/${this.kind}/${this.id}` }, icon('play', 18), h('span', { text: 'Recordings' })),
        h('a', { class: 'button', href: '#/sessions', text: 'Sessions' })))) });
  }
}
