/** One participant on the page: picture or avatar, name, what their microphone and hand do. */
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';
import { avatar } from '../parts.js';

const PAUSED = 'Paused: your connection is slow';

export class TileView {
  /** @param {'camera' | 'screen'} source */
  constructor(source = 'camera') {
    this.source = source;
    this.video = h('video', { muted: true, autoplay: true, playsInline: true, tabindex: '-1' });
    this.face = h('div', { class: 'tile-face' });
    this.marks = h('span', { class: 'tile-marks' });
    this.name = h('span', { class: 'tile-name' });
    this.note = h('span', { class: 'tile-note' });
    this.element = h('article', { class: `tile tile-${source}` }, this.face, this.video,
      h('div', { class: 'tile-label' }, this.marks, this.name), this.note);
    this.drawn = '';
  }

  /** @param {import('../../sdk/types.js').Tile} tile */
  update(tile) {
    const { participant, me } = tile;
    const stream = tile[this.source];
    this.#picture(stream);
    const away = participant.connection === 'reconnecting';
    const paused = !away && tile[`${this.source}Paused`];
    const label = this.source === 'screen' ? `${me ? 'Your' : `${participant.username}’s`} screen` : me ? `${participant.username} (you)` : participant.username;
    const { classList, dataset } = this.element;
    dataset.participantId = participant.id;
    dataset.username = participant.username;
    classList.toggle('speaking', tile.speaking && this.source === 'camera');
    classList.toggle('mirrored', me && this.source === 'camera');
    classList.toggle('away', away);
    classList.toggle('paused', paused);
    const drawn = JSON.stringify([label, participant.mute, participant.handRaised, away, paused, participant.profileImageUrl, participant.canPublish]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.name.textContent = label;
    this.element.setAttribute('aria-label', describe(label, participant, away, paused));
    this.note.textContent = away ? 'Reconnecting…' : paused ? PAUSED : '';
    show(this.note, away || paused);
    if (this.source === 'screen') return;
    fill(this.face, avatar(participant.username, { size: 'tile-avatar', imageUrl: participant.profileImageUrl }));
    fill(this.marks, participant.handRaised && mark('hand', 'hand'), participant.mute && participant.canPublish && mark('micOff', 'muted'));
  }

  /** The element shows nothing until the first frame of this very stream is there. */
  #picture(stream) {
    if (this.video.srcObject === stream) return;
    this.element.classList.remove('live');
    this.video.srcObject = stream;
    if (!stream) return;
    const seen = () => this.video.srcObject === stream && this.element.classList.add('live');
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(seen);
    else this.video.addEventListener('timeupdate', seen, { once: true });
    this.video.play().catch(() => {});
  }

  close() {
    this.video.srcObject = null;
    this.element.remove();
  }
}

const mark = (symbol, name) => {
  const holder = h('span', { class: `mark ${name}` });
  holder.append(icon(symbol, 15));
  return holder;
};

const describe = (label, participant, away, paused) => [label, participant.mute && 'muted', participant.handRaised && 'hand raised', away && 'reconnecting', paused && PAUSED]
  .filter(Boolean).join(', ');
