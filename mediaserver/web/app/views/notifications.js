/** What happened, by day; each leads to where it happened. */
import { fill, h } from '../dom.js';
import { dayName, plural } from '../format.js';
import { icon } from '../icons.js';
import { pagedList } from '../list.js';
import { notice, noticeText } from '../notices.js';
import { avatar, empty } from '../parts.js';
import { imageOf } from '../people.js';
import { actionButton, switchButton } from '../switches.js';
import { agoTime } from '../time.js';

export function notificationsView(app) {
  const { client } = app;
  const live = client.live();
  let day = null;
  const list = pagedList({
    label: 'Notifications', className: 'notices',
    load: async (cursor) => {
      const page = await client.inbox.notifications({ limit: 30, cursor });
      if (cursor === null) day = null;
      return page;
    },
    item: (notification) => {
      const name = dayName(notification.timestamp);
      const first = name !== day;
      day = name;
      return noticeItem(client, notification, first ? name : null);
    },
    none: () => empty('bell', 'Nothing yet', 'When somebody follows you, likes what you said or writes to you, it stands here.'),
  });
  const readAll = actionButton(h('button', { class: 'button small', type: 'button', disabled: live.unread.notifications === 0, text: 'Mark all read' }),
    () => client.inbox.readAllNotifications().then(() => list.reload()));
  const undo = [live.on('notification', () => list.reload()), live.on('unread', ({ notifications }) => { readAll.disabled = notifications === 0; }),
    live.on('up', ({ again }) => again && list.reload())];
  const element = h('div', { class: 'narrow' }, h('div', { class: 'page-head' }, h('h1', { text: 'Notifications' }), readAll), list.element);
  return { title: 'Notifications', element, close() { undo.forEach((each) => each()); list.close(); } };
}

function noticeItem(client, notification, heading) {
  const { href, symbol, quote } = notice(notification);
  const element = h('li', {});
  const mark = h('button', { class: 'icon-button small', type: 'button' });
  const link = h('a', { class: 'notice', href, onclick: () => read.want(true) });
  fill(mark, h('span', { class: 'dot' }));
  const read = switchButton(mark, {
    pressed: false,
    current: () => notification.isRead,
    send: async (isRead) => {
      await client.inbox.readNotification(notification.id, isRead);
      notification.isRead = isRead;
    },
    draw: (isRead) => {
      element.className = isRead ? 'notice-row' : 'notice-row unread';
      mark.title = isRead ? 'Mark as unread' : 'Mark as read';
      mark.setAttribute('aria-label', `${mark.title}: ${noticeText(notification)}`);
    },
  });
  fill(link, faces(notification, symbol), h('span', { class: 'notice-text' }, sentenceOf(notification), quote && h('span', { class: 'notice-quote', text: quote }), agoTime(notification.timestamp)));
  fill(element, heading && h('h2', { class: 'section-title', text: heading }), h('div', { class: 'card flush notice-card' }, link, mark));
  return element;
}

function sentenceOf(notification) {
  const { people, others, did } = notice(notification);
  return h('span', {}, people.flatMap(({ username }, index) => [index > 0 && ' and ', h('strong', { class: 'user-text', text: username })]),
    others > 0 && ` and ${plural(others, 'other')}`, people.length ? ` ${did}` : did);
}

function faces({ content }, symbol) {
  const [person] = content.actors;
  return h('span', { class: 'notice-face' }, person ? avatar(person.username, { imageUrl: imageOf(person) }) : h('span', { class: 'avatar symbol' }, icon(symbol)),
    person && h('span', { class: `notice-sign ${content.type}` }, icon(symbol, 14)));
}
