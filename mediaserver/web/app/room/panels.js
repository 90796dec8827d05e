/** Which side panel is open, and how many chat messages came while the chat was not. Emits `change`. */
import { Emitter } from '../../sdk/emitter.js';
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';

export class Panels extends Emitter {
  /** @param {Record<string, {title: string, element: HTMLElement, opened?: () => void}>} panels */
  constructor(panels) {
    super();
    this.panels = panels;
    this.open = null;
    this.unread = 0;
    this.title = h('h2', {});
    this.body = h('div', { class: 'panel-body' });
    this.opener = null;
    this.element = h('aside', { class: 'panel', hidden: true }, h('div', { class: 'panel-head' }, this.title,
      h('button', { class: 'icon-button', 'aria-label': 'Close panel', onclick: () => this.toggle(this.open) }, icon('close'))), this.body);
    this.element.addEventListener('keydown', (event) => event.key === 'Escape' && !event.isComposing && this.toggle(this.open));
  }

  toggle(name) {
    const within = this.element.contains(document.activeElement);
    if (!within) this.opener = document.activeElement;
    this.open = this.open === name ? null : name;
    if (within && !this.open) this.opener?.focus();
    show(this.element, this.open !== null);
    if (this.open) {
      const { title, element, opened } = this.panels[this.open];
      this.title.textContent = title;
      this.element.setAttribute('aria-label', title);
      fill(this.body, element);
      if (this.open === 'chat') this.unread = 0;
      opened?.();
    }
    this.emit('change');
  }

  /** A message came. */
  count(messages) {
    if (this.open === 'chat' || messages === 0) return;
    this.unread += messages;
    this.emit('change');
  }
}
