import { noticeText, notice } from '/web/app/notices.js';
import { Emitter } from '/web/sdk/emitter.js';
import { Live } from '/web/sdk/live.js';
import { readAnswer, Rest } from '/web/sdk/rest.js';
import { Letters, Thread } from '/web/sdk/thread.js';
import { check, equal, until } from './expect.js';

const letter = (id, more = {}) => ({ id, senderUserId: 'eve', receiverUserId: 'me', content: id, isRead: false, clientId: `c${id}`, ...more });
const ids = (letters) => letters.messages.map(({ id }) => id).join('');

check('letters are in order and each is there once', () => {
  const letters = new Letters();
  letters.merge([letter('c'), letter('a')]);
  letters.merge([letter('b'), letter('a', { isRead: true })]);
  equal(ids(letters), 'abc');
  letters.merge([letter('a')]);
  equal(letters.messages[0].isRead, true, 'what was read stays read');
});

check('a letter that was deleted does not come back', () => {
  const letters = new Letters();
  letters.merge([letter('a'), letter('b')]);
  letters.remove('a');
  letters.merge([letter('a')]);
  equal(ids(letters), 'b');
});

check('reading marks those of one sender up to one of them', () => {
  const letters = new Letters();
  letters.merge([letter('a'), letter('b', { senderUserId: 'me' }), letter('c'), letter('d')]);
  letters.markRead({ senderUserId: 'eve', messageId: null, throughId: 'c' });
  equal(letters.messages.map(({ isRead }) => isRead), [true, false, true, false]);
  letters.markRead({ senderUserId: 'me', messageId: 'b', throughId: null });
  equal(letters.messages.map(({ isRead }) => isRead), [true, true, true, false]);
});

/** A connection whose answers the check gives. */
class Line extends Emitter {
  connected = false;
  sent = [];
  open() { this.connected = true; this.emit('up'); }
  close() { this.connected = false; }
  request(event, payload) {
    this.sent.push([event, payload]);
    return Promise.resolve({ message: letter('z', { senderUserId: 'me', receiverUserId: 'eve', clientId: payload.clientId, content: payload.content }) });
  }
  tell(event, data) { this.emit('event', { event, data, ack: null }); }
}

function lively(pages = []) {
  const line = new Line();
  const asked = [];
  const inbox = {
    unread: [3, 1],
    unreadNotifications: async () => inbox.unread[0],
    unreadMessages: async () => inbox.unread[1],
    messages: async (_, query) => { asked.push(query.cursor ?? null); return pages[query.cursor ?? 0]; },
  };
  const live = new Live({ url: 'https://x.example', token: async () => '', inbox, connection: line });
  return { line, live, inbox, asked };
}

check('what is unread is asked at each connection and told as it changes', async () => {
  const { line, live, inbox } = lively();
  const told = [];
  live.on('unread', (unread) => told.push(`${unread.notifications}/${unread.messages}`));
  live.on('up', ({ again }) => told.push(again ? 'again' : 'up'));
  live.open();
  await until(() => told.length === 2);
  line.tell('notification', { unreadCount: 4 });
  inbox.unread = [4, 2];
  line.tell('message', letter('a'));
  await until(() => told.length === 4);
  line.emit('down');
  line.emit('up');
  await until(() => told.length === 6);
  equal(told, ['up', '3/1', '4/1', '4/2', 'again', '4/2']);
});

check('a thread takes what concerns its two people', async () => {
  const { line, live } = lively([{ items: [letter('b'), letter('a')], nextCursor: null }]);
  const thread = new Thread({ inbox: live.inbox, live: live.open(), userId: 'eve' });
  await thread.open();
  line.tell('message', letter('c'));
  line.tell('message', letter('d', { senderUserId: 'mallory' }));
  line.tell('message.deleted', { id: 'a', senderUserId: 'eve', receiverUserId: 'me' });
  equal([ids(thread), thread.hasOlder], ['bc', false]);
});

check('what is sent is on its way, then stored once', async () => {
  const { line, live } = lively([{ items: [], nextCursor: null }]);
  const thread = new Thread({ inbox: live.inbox, live: live.open(), userId: 'eve' });
  await thread.open();
  const sent = thread.send('hello');
  equal(thread.pending.map(({ content }) => content), ['hello']);
  line.tell('message', letter('z', { senderUserId: 'me', receiverUserId: 'eve', clientId: thread.pending[0].clientId }));
  equal(thread.pending, []);
  await sent;
  equal([ids(thread), line.sent.length, line.sent[0][1].receiverUserId], ['z', 1, 'eve']);
});

check('after an outage a thread reads back to what it knows', async () => {
  const pages = { 0: { items: [letter('b'), letter('a')], nextCursor: 'old' } };
  const { line, live, asked } = lively(pages);
  const thread = new Thread({ inbox: live.inbox, live: live.open(), userId: 'eve' });
  await thread.open();
  Object.assign(pages, { 0: { items: [letter('f'), letter('e')], nextCursor: 1 }, 1: { items: [letter('d'), letter('c')], nextCursor: 2 }, 2: { items: [letter('b')], nextCursor: 'older' } });
  line.emit('down');
  line.emit('up');
  await until(() => ids(thread) === 'abcdef');
  equal(asked, [null, null, 1, 2]);
  equal(thread.cursor, 'old', 'older ones are still read from where it was');
});

check('an edit carries the tag of what was read', async () => {
  const document = await readAnswer(new Response('{"id":"a"}', { headers: { ETag: '"7.x"' } }));
  const seen = [];
  const original = globalThis.fetch;
  globalThis.fetch = async (_, options) => { seen.push(options.headers['If-Match'] ?? null); return new Response('{}'); };
  try {
    const rest = new Rest({ url: 'https://x.example' });
    await rest.request('PATCH', '/a', { body: {}, ifMatch: document });
    await rest.request('PATCH', '/a', { body: {}, ifMatch: { id: 'a' } });
  } finally {
    globalThis.fetch = original;
  }
  equal(seen, ['"7.x"', null]);
});

const [ada, eve, bob] = ['ada', 'eve', 'bob'].map((username) => ({ id: username, username, profileImage: null }));
const told = (type, actors, more = {}) => ({ content: { type, actors, actorCount: actors.length, count: actors.length, ...more } });

check('notifications are sentences that lead somewhere', () => {
  equal(noticeText(told('liked', [ada], { tweetId: 't' })), 'ada liked your tweet.');
  equal(noticeText(told('liked', [ada, eve], { tweetId: 't', commentId: 'c' })), 'ada and eve liked your comment.');
  equal(noticeText(told('commented', [ada, eve, bob], { actorCount: 12 })), 'ada and 11 others commented on your tweet.');
  equal(noticeText(told('followed', [ada])), 'ada now follows you.');
  equal(noticeText(told('followed', [ada, eve])), 'ada and eve now follow you.');
  equal(noticeText(told('message', [ada], { count: 3 })), 'ada sent you 3 messages.');
  equal(noticeText(told('session-starting', [], { title: 'Algebra' })), '“Algebra” begins.');
  equal(noticeText(told('of-another-day', [])), 'Something happened.');
  equal(notice(told('liked', [ada], { tweetId: 't' })).href, '#/tweets/t');
  equal(notice(told('session-starting', [], { sessionKind: 'audio', sessionId: 's' })).href, '#/room/audio/s');
  equal(notice(told('graded', [], { assignmentId: 'a', submissionId: 'x' })).href, '#/assignments/a');
});
