/** Messages: with whom one writes, and what; side by side, or one after the other on a phone. */
import { h } from '../dom.js';
import { pagedList } from '../list.js';
import { avatar, empty } from '../parts.js';
import { imageOf, isGone } from '../people.js';
import { agoTime } from '../time.js';
import { threadPane } from './thread.js';

export function messagesView(app, userId = null) {
  const { client } = app;
  const live = client.live();
  const list = pagedList({
    label: 'Conversations', className: 'conversations', idOf: ({ user }) => user.id,
    load: (cursor) => client.inbox.conversations({ limit: 30, cursor }),
    item: (conversation) => conversationRow(client, conversation, conversation.user.id === userId),
    none: () => empty('mail', 'No messages yet', 'Open somebody’s page and write to them.', h('a', { class: 'button', href: '#/search', text: 'Find people' })),
  });
  const pane = userId ? threadPane(app, userId) : { element: h('div', { class: 'thread nothing' }, empty('mail', 'Your messages', 'Choose a conversation.')), title: 'Messages', close() {} };
  // What arrives changes the order and the numbers: the list is asked for anew, as it is short.
  const again = () => list.reload();
  const undo = [...['message', 'message.read', 'message.deleted'].map((type) => live.on(type, again)), live.on('up', ({ again: missed }) => missed && again())];
  const element = h('div', { class: userId ? 'messages-page with-thread' : 'messages-page' },
    h('section', { class: 'card flush conversation-list', 'aria-labelledby': 'messages-title' }, h('h1', { id: 'messages-title', text: 'Messages' }), list.element),
    pane.element);
  return { title: 'Messages', element, focus: pane.focus, talkingTo: userId, close() { undo.forEach((each) => each()); list.close(); pane.close(); } };
}

const KINDS = { Image: 'Picture', Video: 'Film', Audio: 'Sound', File: 'File' };

function conversationRow(client, { user, lastMessage, lastAt, unreadCount }, current) {
  const mine = lastMessage?.senderUserId === client.user.id;
  const said = !lastMessage ? '' : lastMessage.contentType === 'Text' ? lastMessage.content : lastMessage.content?.name ?? KINDS[lastMessage.contentType];
  const row = h('a', { class: unreadCount ? 'conversation unread' : 'conversation', href: `#/messages/${user.id}`, 'aria-current': current ? 'page' : null },
    avatar(user.username, { imageUrl: imageOf(user) }), h('span', { class: 'conversation-text' },
      h('span', { class: 'row' }, h('strong', { class: isGone(user) ? 'gone grow' : 'grow', text: user.username }), agoTime(lastAt)),
      h('span', { class: 'row' }, h('span', { class: 'conversation-said grow', text: `${mine ? 'You: ' : ''}${said}` }),
        unreadCount > 0 && h('span', { class: 'badge still', text: String(unreadCount) }), unreadCount > 0 && h('span', { class: 'sr-only', text: 'unread' }))));
  return h('li', {}, row);
}
