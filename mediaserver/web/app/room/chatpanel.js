/** The chat: messages in order, what is on its way, who is writing. */
import { fill, h, show } from '../dom.js';
import { sentence } from '../sentences.js';
import { actionButton } from '../switches.js';
import { toast } from '../toast.js';
import { attachments } from './attachments.js';
import { composer } from './composer.js';
import { messageItem, pendingItem } from './message.js';

const TYPING_SHOWN_MS = 4000;
const NEAR_END_PX = 80;

/**
 * @param {import('../../sdk/index.js').Session} session
 * @param {import('../../sdk/index.js').Client} client
 * @param {(count: number) => void} arrived how many messages of others came
 */
export function chatPanel(session, client, arrived) {
  const { chat } = session;
  const older = h('button', { class: 'button small older', hidden: true, text: 'Older messages' });
  const list = h('ol', { class: 'messages' });
  const log = h('div', { role: 'log', 'aria-label': 'Chat messages' }, list);
  const waiting = h('ol', { class: 'messages waiting', 'aria-label': 'Messages on their way' });
  const scroller = h('div', { class: 'chat-scroll', tabindex: '0', role: 'group', 'aria-label': 'Conversation' }, older, log, waiting);
  const typing = h('p', { class: 'typing', 'aria-live': 'polite' });
  const files = attachments({ client, send: (upload) => deliver(chat.send(upload.id, { contentType: kindOf(upload), preview: upload })) });
  const compose = composer({ send: (text) => deliver(chat.send(text)), addFiles: files.add, typing: () => chat.typing() });
  const element = h('div', { class: 'chat' }, scroller, typing, files.element, compose.element);
  files.acceptDrops(element);
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  let seen = chat.messages.at(-1)?.sequence ?? 0;

  const draw = () => {
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
    show(older, chat.hasOlder);
    drawMessages(list, chat.messages, shown, session);
    fill(waiting, chat.pending.map((entry) => pendingItem(entry, () => chat.outbox.drop(entry.clientId))));
    if (atEnd || chat.pending.length) scroller.scrollTop = scroller.scrollHeight;
    const fresh = chat.messages.filter((each) => each.sequence > seen && each.senderUserId !== session.me?.userId);
    seen = Math.max(seen, chat.messages.at(-1)?.sequence ?? 0);
    if (fresh.length) arrived(fresh.length);
  };
  actionButton(older, async () => {
    const before = scroller.scrollHeight;
    await chat.loadOlder();
    scroller.scrollTop += scroller.scrollHeight - before;
  });
  session.on('chat', draw);
  session.on('typing', typingLine(typing));
  draw();
  return {
    title: 'Chat',
    element,
    opened() {
      scroller.scrollTop = scroller.scrollHeight;
      compose.focus();
    },
  };
}

/** Only what is new is made: images and players that are there stay as they are. */
function drawMessages(list, messages, shown, session) {
  messages.forEach((message, index) => {
    const previous = messages[index - 1];
    const joined = previous?.senderUserId === message.senderUserId && Date.parse(message.timestamp) - Date.parse(previous.timestamp) < 180_000;
    if (!shown.has(message.id)) shown.set(message.id, messageItem(message, message.senderUserId === session.me?.userId));
    const item = shown.get(message.id);
    item.classList.toggle('joined', joined);
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

const deliver = (promise) => promise.catch((error) => toast(sentence(error), { error: true }));
const kindOf = ({ contentType }) => ({ image: 'Image', video: 'Video', audio: 'Audio' })[contentType.split('/')[0]] ?? 'File';

/** Shows who writes; a name goes when nothing more is heard of it. */
function typingLine(element) {
  const names = new Map();
  const draw = () => {
    const list = [...names.keys()];
    element.textContent = !list.length ? '' : list.length > 2 ? 'Several people are writing…' : `${list.join(' and ')} ${list.length > 1 ? 'are' : 'is'} writing…`;
  };
  return ({ username }) => {
    clearTimeout(names.get(username));
    names.set(username, setTimeout(() => { names.delete(username); draw(); }, TYPING_SHOWN_MS));
    draw();
  };
}
