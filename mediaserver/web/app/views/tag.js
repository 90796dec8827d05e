/** All tweets with one #hashtag. */
import { h } from '../dom.js';
import { pagedList } from '../list.js';
import { backHead, empty } from '../parts.js';
import { tweetItem } from '../tweets.js';

export function tagView(app, tag) {
  const list = pagedList({
    label: `Tweets about #${tag}`, className: 'tweets card flush',
    load: (cursor) => app.client.tweets.list({ hashtag: tag, limit: 20, cursor }),
    item: (tweet) => tweetItem(app, tweet, { removed: (element) => list.remove(element) }),
    none: () => empty('search', `Nobody has said anything about #${tag}`, 'You can be the first.'),
  });
  return { title: `#${tag}`, element: h('div', { class: 'narrow' }, backHead(app, `#${tag}`), list.element), close: list.close };
}
