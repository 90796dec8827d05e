/** What one and somebody else write to each other. */
import { fill, h, show } from '../dom.js';
import { dayName } from '../format.js';
import { icon } from '../icons.js';
import { failed } from '../list.js';
import { menuOf } from '../menu.js';
import { confirmDialog, spinner } from '../parts.js';
import { face, isGone, nameLink } from '../people.js';
import { reportDialog } from '../report.js';
import { attachments } from '../room/attachments.js';
import { composer } from '../room/composer.js';
import { messageItem, pendingItem } from '../room/message.js';
import { sentence } from '../sentences.js';
import { actionButton, hasOrLostFocus } from '../switches.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';

const NEAR_END_PX = 80;

export function threadPane(app, userId) {
  const { client } = app;
  const thread = client.thread(userId);
  const head = h('header', { class: 'thread-head' }, h('a', { class: 'icon-button to-list', href: '#/messages', 'aria-label': 'Back to all messages' }, icon('back')), h('span', { class: 'grow' }));
  const older = h('button', { class: 'button small older', type: 'button', hidden: true, text: 'Older messages' });
  const list = h('ol', { class: 'messages' });
  const waiting = h('ol', { class: 'messages waiting', 'aria-label': 'Messages on their way' });
  const state = h('div', {}, spinner());
  const scroller = h('div', { class: 'chat-scroll', tabindex: '0', role: 'group', 'aria-label': 'Conversation' }, older, state, h('div', { role: 'log', 'aria-label': 'Messages' }, list), waiting);
  const offline = h('p', { class: 'banner', role: 'status', hidden: true });
  const deliver = (promise) => promise.catch((error) => toast(sentence(error), { error: true }));
  const files = attachments({ client, send: (upload) => deliver(thread.send(upload.id, { contentType: kindOf(upload), preview: upload })) });
  const compose = composer({ send: (text) => deliver(thread.send(text)), addFiles: files.add });
  const body = h('div', { class: 'chat' }, scroller, files.element, compose.element);
  files.acceptDrops(body);
  const element = h('section', { class: 'card flush thread', 'aria-label': 'Conversation' }, head, offline, body);
  const shown = new Map();
  let opened = false;

  const draw = () => {
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    show(older, thread.hasOlder);
    drawMessages(app, list, thread, shown);
    fill(waiting, thread.pending.map((entry) => pendingItem(entry, () => thread.outbox.drop(entry.clientId))));
    if (opened) fill(state, !thread.messages.length && !thread.pending.length && h('p', { class: 'hint none', text: 'Nothing said yet. Say hello!' }));
    if (atEnd || thread.pending.length) scroller.scrollTop = scroller.scrollHeight;
    read();
  };
  // Read is what somebody had before their eyes.
  const read = () => { if (opened && !document.hidden && element.isConnected) thread.read().catch(() => {}); };
  const open = () => thread.open().then(() => {
    opened = true;
    fill(state);
    draw();
    scroller.scrollTop = scroller.scrollHeight;
  }, (error) => fill(state, failed(error, open)));
  actionButton(older, async () => {
    const before = scroller.scrollHeight;
    await deliver(thread.loadOlder());
    scroller.scrollTop += scroller.scrollHeight - before;
    if (older.hidden && hasOrLostFocus(older)) scroller.focus();
  });
  const live = client.live();
  const drawOffline = () => {
    show(offline, !live.connected);
    fill(offline, h('span', { class: 'spinner' }), h('span', { text: 'Connection lost. Reconnecting…' }));
  };
  let lost = false;
  const drawLost = () => lost && fillHead(head, thread.messages.length ? otherOf(thread.messages[0], userId) : null);
  const undo = [thread.on('change', draw), thread.on('change', drawLost), live.on('up', drawOffline), live.on('down', drawOffline)];
  document.addEventListener('visibilitychange', read);
  open();
  client.people.get(userId).then((person) => {
    setTitle(person.username);
    fillHead(head, person);
    compose.label(`Write to ${person.username}`);
  }, () => { // gone, or a block: what was written can still be read
    lost = true;
    drawLost();
    compose.element.hidden = true;
  });
  return { element, focus: compose.focus, close() { undo.forEach((each) => each()); document.removeEventListener('visibilitychange', read); thread.close(); } };
}

const otherOf = (message, userId) => (message.senderUserId === userId ? message.sender : message.receiver);

const fillHead = (head, person) => head.lastElementChild.replaceWith(h('span', { class: 'row grow' }, face(person), isGone(person) ? h('h2', { class: 'gone', text: 'deleted user' }) : h('h2', {}, nameLink(person))));

const kindOf = ({ contentType }) => ({ image: 'Image', video: 'Video', audio: 'Audio' })[contentType.split('/')[0]] ?? 'File';

/** Only what is new is made: pictures and players that are there stay as they are. */
function drawMessages(app, list, thread, shown) {
  const me = app.client.user;
  const wanted = [];
  const seen = lastSeen(thread, me);
  let day = null;
  thread.messages.forEach((message, index) => {
    const name = dayName(message.timestamp);
    if (name !== day) wanted.push(kept(shown, `day ${name}`, () => h('li', { class: 'day', text: name })));
    const previous = thread.messages[index - 1];
    const joined = name === day && previous?.senderUserId === message.senderUserId && Date.parse(message.timestamp) - Date.parse(previous.timestamp) < 180_000;
    day = name;
    const item = kept(shown, message.id, () => letter(app, thread, message));
    item.classList.toggle('joined', joined);
    item.classList.toggle('seen', index === seen);
    wanted.push(item);
  });
  wanted.forEach((item, index) => { if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null); });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

/** Where the other one has read to: the last of one's own messages that they read. */
const lastSeen = (thread, me) => thread.messages.findLastIndex((message) => message.senderUserId === me.id && message.isRead);

function kept(shown, key, make) {
  if (!shown.has(key)) shown.set(key, make());
  return shown.get(key);
}

function letter(app, thread, message) {
  const mine = message.senderUserId === app.client.user.id;
  const item = messageItem({ ...message, senderName: message.sender.username, senderImage: message.sender.profileImage }, mine);
  const button = h('button', { class: 'icon-button small message-more', type: 'button', 'aria-label': 'More about this message' }, icon('more', 16));
  const remove = async () => {
    const sure = await confirmDialog({ title: 'Delete this message?', text: 'It is deleted for both of you.', confirm: 'Delete' });
    if (sure) await thread.remove(message.id).catch((error) => toast(sentence(error), { error: true }));
  };
  item.append(button, menuOf(button, () => [mine ? { label: 'Delete', symbol: 'trash', danger: true, run: remove }
    : { label: 'Report', symbol: 'flag', run: () => reportDialog(app, 'message', message.id) }]));
  return item;
}
