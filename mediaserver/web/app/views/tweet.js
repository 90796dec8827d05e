/** One tweet with what people say about it. */
import { h } from '../dom.js';
import { composeBox } from '../compose.js';
import { loaded, pagedList } from '../list.js';
import { backHead } from '../parts.js';
import { commentItem, tweetItem } from '../tweets.js';

export function tweetView(app, id) {
  const { tweets } = app.client;
  let comments = null;
  const page = loaded(() => tweets.get(id), (tweet) => {
    comments?.close();
    comments = pagedList({
      label: 'Comments', className: 'tweets',
      load: (cursor) => tweets.comments(id, { limit: 30, cursor }),
      item: (comment) => commentItem(app, comment, { host: tweet.userId, removed: (element) => comments.remove(element) }),
      none: () => h('p', { class: 'hint none', text: 'No comments yet.' }),
    });
    const compose = composeBox(app, {
      label: 'Write a comment', placeholder: 'Write a comment', action: 'Comment', rows: 1,
      submit: async (content, key) => { comments.append(await tweets.comment(id, content, { key })); },
    });
    return [h('ul', { class: 'card flush tweets' }, tweetItem(app, tweet, { removed: () => app.back(), whole: true })),
      h('section', { class: 'card flush', 'aria-labelledby': 'comments-title' },
        h('h2', { id: 'comments-title', class: 'sr-only', text: 'Comments' }),
        h('div', { class: 'padded' }, compose.element), comments.element)];
  }, { className: 'stack' });
  const element = h('div', { class: 'narrow' }, backHead(app, 'Tweet'), page.element);
  return { title: 'Tweet', element, close() { page.close(); comments?.close(); } };
}
