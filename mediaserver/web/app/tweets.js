/** One tweet or comment on the page: who, when, what, and what one can do with it. */
import { fill, h } from './dom.js';
import { plural } from './format.js';
import { icon } from './icons.js';
import { rich } from './markup.js';
import { mediaGrid } from './media.js';
import { menuOf } from './menu.js';
import { confirmDialog } from './parts.js';
import { face, isGone, nameLink } from './people.js';
import { reportDialog } from './report.js';
import { sentence } from './sentences.js';
import { switchButton } from './switches.js';
import { agoTime } from './time.js';
import { toast } from './toast.js';

/**
 * @param {import('../sdk/types.js').Tweet} tweet
 * @param {{removed: (element: HTMLElement) => void, whole?: boolean}} options `whole`: on a page of its own
 */
export function tweetItem(app, tweet, { removed, whole = false }) {
  const { tweets } = app.client;
  const href = `#/tweets/${tweet.id}`;
  const answers = h(whole ? 'span' : 'a', { class: 'act', href: whole ? null : href, 'aria-label': plural(tweet.commentsCount, 'comment') },
    icon('chat', 18), h('span', { text: counted(tweet.commentsCount) }));
  return said(app, tweet, {
    removed,
    when: whole ? agoTime(tweet.timestamp) : h('a', { class: 'when', href }, agoTime(tweet.timestamp)),
    acts: [likeButton(tweet, (liked) => tweets.like(tweet.id, liked)), answers],
    remove: () => tweets.remove(tweet.id),
    about: { kind: 'tweet', title: 'Delete this tweet?', text: 'It goes with all that was said about it.' },
  });
}

/** `host` is whose tweet it is about: they may remove it, too. */
export function commentItem(app, comment, { host, removed }) {
  const { tweets } = app.client;
  return said(app, comment, {
    removed,
    when: agoTime(comment.timestamp),
    acts: [likeButton(comment, (liked) => tweets.likeComment(comment.id, liked))],
    remove: () => tweets.removeComment(comment.id),
    about: { kind: 'comment', title: 'Delete this comment?', text: 'Nobody can read it any more.', host },
  });
}

function said(app, what, { removed, when, acts, remove, about }) {
  const { author, content } = what;
  const element = h('li', { class: 'tweet' });
  if (what.removed) {
    fill(element, face(null), h('div', { class: 'tweet-body' }, h('p', { class: 'hint', text: 'This was deleted together with its author.' }), h('div', { class: 'acts' }, acts)));
    return element;
  }
  fill(element, face(author),
    h('div', { class: 'tweet-body' },
      h('div', { class: 'tweet-head' }, nameLink(author), when, what.editedAt && h('span', { class: 'hint', text: 'edited' }), menu(app, what, { remove, about, gone: () => removed(element) })),
      content.text && h('p', { class: 'tweet-text' }, rich(content.text, what.mentions)),
      mediaGrid(content.media),
      h('div', { class: 'acts' }, acts)));
  return element;
}

const counted = (count) => (count ? String(count) : '');

/** The count includes the like that is being sent; the server's answer replaces both. */
function likeButton(what, put) {
  const button = h('button', { class: 'act like', type: 'button' });
  switchButton(button, {
    current: () => what.liked,
    send: async (on) => {
      const { liked, likesCount } = await put(on);
      Object.assign(what, { liked, likesCount });
    },
    draw: (on) => {
      const count = Math.max(0, what.likesCount + Number(on) - Number(what.liked));
      button.setAttribute('aria-label', `Like, ${plural(count, 'like')}`);
      fill(button, icon(on ? 'heartFull' : 'heart', 18), h('span', { text: counted(count) }));
    },
  });
  return button;
}

function menu(app, what, { remove, about, gone }) {
  const { user } = app.client;
  const mine = what.userId === user.id;
  const button = h('button', { class: 'icon-button small more', type: 'button', 'aria-label': `More about this ${about.kind}` }, icon('more', 18));
  const failed = (error) => toast(sentence(error), { error: true });
  const erase = async () => {
    if (await confirmDialog({ title: about.title, text: about.text, confirm: 'Delete' })) await remove().then(gone, failed);
  };
  const copy = async () => {
    await navigator.clipboard.writeText(`${location.origin}/#/tweets/${what.tweetId ?? what.id}`).then(() => toast('The link is copied.'), () => toast('Copying is not possible here.', { error: true }));
  };
  const block = async () => {
    const sure = await confirmDialog({ title: `Block ${what.author.username}?`, text: 'You do not see each other any more.', confirm: 'Block' });
    if (sure) await app.client.people.block(what.userId).then(() => { toast(`${what.author.username} is blocked.`); gone(); }, failed);
  };
  return h('span', { class: 'tweet-more' }, button, menuOf(button, () => [
    { label: 'Copy link', symbol: 'link', run: copy },
    !mine && { label: 'Report', symbol: 'flag', run: () => reportDialog(app, about.kind, what.id) },
    !mine && !isGone(what.author) && { label: `Block ${what.author.username}`, symbol: 'block', run: block },
    (mine || about.host === user.id || user.role === 'admin') && { label: 'Delete', symbol: 'trash', danger: true, run: erase },
  ]));
}
