/** What happened, by day; each leads to where it happened. */
import { fill, h } from '../dom.js';
import { dayName, plural } from '../format.js';
import { icon } from '../icons.js';
import { pagedList } from '../list.js';
import { notice, noticeText } from '../notices.js';
import { avatar, empty } from '../parts.js';
import { imageOf } from '../people.js';
import { sentence } from '../sentences.js';
import { agoTime } from '../time.js';
import { toast } from '../toast.js';

export function notificationsView(app) {
  const { client } = app;
  const live = client.live();
  const failed = (error) => toast(sentence(error), { error: true });
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
      return noticeItem(client, notification, { heading: first ? name : null, failed });
    },
    none: () => empty('bell', 'Nothing yet', 'When somebody follows you, likes what you said or writes to you, it stands here.'),
  });
  const readAll = h('button', { class: 'button small', type: 'button', disabled: live.unread.notifications === 0, text: 'Mark all read',
    onclick: () => client.inbox.readAllNotifications().then(() => list.reload(), failed) });
  const undo = [live.on('notification', () => list.reload()), live.on('unread', ({ notifications }) => { readAll.disabled = notifications === 0; }),
    live.on('up', ({ again }) => again && list.reload())];
  const element = h('div', { class: 'narrow' }, h('div', { class: 'page-head' }, h('h1', { text: 'Notifications' }), readAll), list.element);
  return { title: 'Notifications', element, close() { undo.forEach((each) => each()); list.close(); } };
}

function noticeItem(client, notification, { heading, failed }) {
  const { href, symbol, quote } = notice(notification);
  const element = h('li', {});
  const mark = h('button', { class: 'icon-button small', type: 'button' });
  const link = h('a', { class: 'notice', href, onclick: () => { if (!notification.isRead) turn(true); } });
  const turn = (isRead) => {
    notification.isRead = isRead;
    draw();
    client.inbox.readNotification(notification.id, isRead).catch(failed);
  };
  mark.addEventListener('click', () => turn(!notification.isRead));
  const draw = () => {
    element.className = notification.isRead ? 'notice-row' : 'notice-row unread';
    const label = notification.isRead ? 'Mark as unread' : 'Mark as read';
    Object.assign(mark, { title: label });
    mark.setAttribute('aria-label', `${label}: ${noticeText(notification)}`);
    fill(mark, h('span', { class: 'dot' }));
  };
  fill(link, faces(notification, symbol), h('span', { class: 'notice-text' }, sentenceOf(notification), quote && h('span', { class: 'notice-quote', text: quote }), agoTime(notification.timestamp)));
  draw();
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
