/** The picture area: a grid of people, a shared screen with people beside it, or voices without pictures. */
import { fill, h, show } from '../dom.js';
import { plural } from '../format.js';
import { avatar } from '../parts.js';
import { GAP, chooseTiles, gridFor, wantedSize } from './layout.js';
import { TileView } from './tile.js';

const PLACES = { wide: 25, narrow: 8, strip: 6, voices: 60 };
const NARROW_PX = 640;

export class Stage {
  /** @param {import('../../sdk/index.js').Session} session @param {{audioOnly: boolean, openPeople: () => void}} options */
  constructor(session, { audioOnly, openPeople }) {
    this.session = session;
    this.audioOnly = audioOnly;
    /** @type {Map<string, TileView>} */
    this.views = new Map();
    this.main = h('div', { class: 'stage-screen' });
    this.people = h('div', { class: 'stage-people' });
    this.audience = h('button', { class: 'audience', hidden: true, onclick: openPeople });
    this.element = h('div', { class: audioOnly ? 'stage voices' : 'stage' }, this.main, this.people, this.audience);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
    this.stop = session.on('tiles', () => this.draw());
  }

  draw() {
    const { tiles } = this.session;
    if (!tiles.length) return;
    const broadcast = this.session.room.session?.type === 'broadcast';
    const screens = tiles.filter((tile) => tile.hasScreen);
    const stage = broadcast ? tiles.filter((tile) => tile.participant.canPublish) : tiles;
    const { clientWidth, clientHeight } = this.element;
    const places = this.audioOnly ? PLACES.voices : screens.length ? PLACES.strip : clientWidth < NARROW_PX ? PLACES.narrow : PLACES.wide;
    const shown = chooseTiles(stage, places);
    this.#showAudience(tiles.filter((tile) => !shown.includes(tile)), broadcast);
    this.element.classList.toggle('sharing', screens.length > 0);
    this.element.classList.toggle('stacked', clientWidth < NARROW_PX || clientWidth < clientHeight);
    show(this.main, screens.length > 0);
    const entries = [...screens.map((tile) => ['screen', tile, this.main]), ...shown.map((tile) => ['camera', tile, this.people])];
    this.#place(entries);
    this.#size(shown.length, screens.length > 0);
    if (!this.audioOnly) this.session.setView(this.#view(entries));
  }

  close() {
    this.stop();
    this.observer.disconnect();
    for (const view of this.views.values()) view.close();
  }

  #place(entries) {
    const wanted = new Set();
    const position = new Map();
    for (const [source, tile, parent] of entries) {
      const key = `${tile.participantId}/${source}`;
      wanted.add(key);
      if (!this.views.has(key)) this.views.set(key, new TileView(source));
      const view = this.views.get(key);
      view.update(tile);
      const index = position.get(parent) ?? 0;
      position.set(parent, index + 1);
      // An element that moves in the page stops playing: it is only put where it is not yet.
      if (parent.children[index] !== view.element) parent.insertBefore(view.element, parent.children[index] ?? null);
    }
    for (const [key, view] of this.views) {
      if (wanted.has(key)) continue;
      view.close();
      this.views.delete(key);
    }
  }

  #size(count, sharing) {
    const { clientWidth, clientHeight } = this.people;
    if (!clientWidth || this.audioOnly) return;
    if (sharing) return; // the strip's tiles have their size from the style sheet
    const grid = gridFor(count, clientWidth, clientHeight);
    this.people.style.setProperty('--tile-width', `${grid.width}px`);
    this.people.style.setProperty('--tile-height', `${grid.height}px`);
    this.people.style.setProperty('--tile-gap', `${GAP}px`);
  }

  #view(entries) {
    return entries.filter(([, tile]) => !tile.me).map(([source, tile]) => {
      const { element } = this.views.get(`${tile.participantId}/${source}`);
      return { participantId: tile.participantId, source, ...wantedSize(element.clientWidth, element.clientHeight, devicePixelRatio) };
    });
  }

  #showAudience(others, broadcast) {
    show(this.audience, others.length > 0);
    if (!others.length) return;
    const text = broadcast ? plural(others.length, 'listener') : `and ${others.length} more`;
    fill(this.audience, h('span', { class: 'avatar-stack' }, others.slice(0, 5).map((tile) =>
      avatar(tile.participant.username, { size: 'tiny', imageUrl: tile.participant.profileImageUrl }))), h('span', { text }));
  }
}
