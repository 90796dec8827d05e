/** What those say whom one follows, a box to say something oneself, what runs now and where one left off learning. */
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';
import { composeBox } from '../compose.js';
import { pagedList } from '../list.js';
import { empty } from '../parts.js';
import { courseLine } from '../courseparts.js';
import { tweetItem } from '../tweets.js';
import { sessionCard } from './sessions.js';

const LIVE_SHOWN = 3;
const COURSES_SHOWN = 4;
const REFRESH_MS = 30_000;

export function homeView(app) {
  const { client } = app;
  const list = pagedList({
    label: 'Tweets', className: 'tweets card flush',
    load: (cursor) => client.tweets.feed({ limit: 20, cursor }),
    item: (tweet) => tweetItem(app, tweet, { removed: (element) => list.remove(element) }),
    none: () => empty('home', 'Nothing here yet', 'Here you read what people say whom you follow.',
      h('a', { class: 'button', href: '#/search' }, icon('search', 18), h('span', { text: 'Find people' }))),
  });
  const compose = composeBox(app, {
    label: 'What do you want to say?', placeholder: 'What do you want to say?', action: 'Post',
    submit: async (content, key) => { list.prepend(await client.tweets.post(content, { key })); },
  });
  const [live, courses] = [h('section', { class: 'home-live', hidden: true }), h('section', { class: 'home-courses', hidden: true })];
  const view = { closed: false };
  const refresh = () => Promise.all([drawLive(app, live, view), drawCourses(app, courses, view)]).catch(() => {}); // an extra: the page lives without it
  const fresher = freshHint(client, list);
  refresh();
  const timer = setInterval(() => { if (!document.hidden && element.isConnected) { refresh(); fresher.look(); } }, REFRESH_MS);
  const element = h('div', { class: 'home' },
    h('h1', { class: 'sr-only', text: 'Home' }),
    h('div', { class: 'home-main stack' }, h('div', { class: 'card' }, compose.element), fresher.element, list.element),
    h('aside', { class: 'home-side', 'aria-label': 'Now' }, live, courses));
  return { title: 'Home', element, shown: refresh, close() { view.closed = true; clearInterval(timer); list.close(); } };
}

/** Says that there is something newer, and shows it when asked to: the list never moves under one's eyes. */
function freshHint(client, list) {
  const button = h('button', { class: 'button fresh', type: 'button', hidden: true, onclick: () => { show(button, false); scrollTo(0, 0); list.reload(); } }, icon('up', 18), h('span', { text: 'New tweets' }));
  return {
    element: h('div', { class: 'fresh-place', 'aria-live': 'polite' }, button),
    async look() {
      const first = list.firstId();
      const { items } = await client.tweets.feed({ limit: 1 }).catch(() => ({ items: [] }));
      if (items.length && items[0].id !== first && items[0].userId !== client.user?.id && (!first || items[0].id > first)) show(button, true);
    },
  };
}

async function drawLive(app, place, view) {
  const pages = await Promise.all(['video', 'live', 'audio'].map((kind) => app.client.sessions(kind, { status: 'live', limit: LIVE_SHOWN })));
  const items = pages.flatMap((page) => page.items).slice(0, LIVE_SHOWN);
  if (view.closed) return;
  show(place, items.length > 0);
  fill(place, h('h2', { class: 'section-title' }, h('span', { class: 'live-dot' }), h('span', { text: 'Live now' })),
    h('ul', { class: 'cards' }, items.map((session) => sessionCard(app, session))));
}

async function drawCourses(app, place, view) {
  const { items } = await app.client.learning.enrollments({ userId: app.client.user.id, limit: COURSES_SHOWN });
  if (view.closed) return;
  show(place, items.length > 0);
  fill(place, h('h2', { class: 'section-title', text: 'Your courses' }),
    h('ul', { class: 'card course-lines' }, items.map(({ course, progress }) => course && h('li', {}, courseLine(course, progress)))));
}
