/** All sessions: live now, coming, over; filtered by kind. */
import { h, fill } from '../dom.js';
import { dateTime, plural, since } from '../format.js';
import { icon } from '../icons.js';
import { empty, spinner } from '../parts.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';

export const KIND_NAMES = { video: 'Video meeting', live: 'Live class', audio: 'Audio room' };
export const KIND_ICONS = { video: 'camera', live: 'live', audio: 'mic' };
const FILTERS = [['all', 'All'], ['video', 'Video'], ['live', 'Live'], ['audio', 'Audio']];
const REFRESH_MS = 15_000;
const END = 'end';

export function sessionsView(app) {
  const lists = h('div', { class: 'session-lists' }, spinner());
  const state = { filter: 'all', items: [], cursors: {}, closed: false };
  const draw = () => fill(lists, ...sections(app, state, () => more(true)));
  const more = async (further) => {
    try {
      await (further ? loadPast(app.client, state) : loadAll(app.client, state));
      if (!state.closed) draw();
    } catch (error) {
      if (!state.closed) toast(sentence(error), { error: true });
    }
  };
  more(false);
  const timer = setInterval(() => document.hidden || more(false), REFRESH_MS);
  const filters = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Kind of session' });
  const drawFilters = () => fill(filters, FILTERS.map(([value, label]) => h('button', {
    class: 'tab', 'aria-pressed': String(state.filter === value), text: label,
    onclick: () => { state.filter = value; drawFilters(); draw(); },
  })));
  drawFilters();
  const element = h('div', {},
    h('div', { class: 'page-head' }, h('h1', { text: 'Sessions' }),
      h('a', { class: 'button primary', href: '#/create' }, icon('plus'), h('span', { text: 'New session' }))),
    filters, lists);
  return { title: 'Sessions', element, close() { state.closed = true; clearInterval(timer); } };
}

const KINDS = Object.keys(KIND_NAMES);

/** What is live and what is planned, whole; of the past the newest, and what was already unfolded. */
async function loadAll(client, state) {
  const page = (status) => Promise.all(KINDS.map((kind) => client.sessions(kind, { status, limit: status === 'ended' ? 20 : 100 })));
  const [live, scheduled, ended] = await Promise.all(['live', 'scheduled', 'ended'].map(page));
  KINDS.forEach((kind, index) => { state.cursors[kind] ??= ended[index].nextCursor ?? END; });
  const present = [...live, ...scheduled].flatMap(({ items }) => items);
  merge(state, [...present, ...state.items.filter(({ status }) => status === 'ended'), ...ended.flatMap(({ items }) => items)]);
}

async function loadPast(client, state) {
  const pages = await Promise.all(KINDS.map(async (kind) => {
    if (state.cursors[kind] === END) return [];
    const { items, nextCursor } = await client.sessions(kind, { status: 'ended', limit: 20, cursor: state.cursors[kind] });
    state.cursors[kind] = nextCursor ?? END;
    return items;
  }));
  merge(state, [...state.items, ...pages.flat()]);
}

function merge(state, items) {
  state.items = [...new Map(items.map((each) => [each.id, each])).values()];
}

function sections(app, state, more) {
  const items = state.items.filter((each) => state.filter === 'all' || each.kind === state.filter);
  const by = (status, key, direction) => items.filter((each) => each.status === status)
    .sort((a, b) => direction * String(a[key] ?? a.createdAt).localeCompare(String(b[key] ?? b.createdAt)));
  const groups = [
    ['Live now', by('live', 'startedAt', -1)], ['Scheduled', by('scheduled', 'startTime', 1)], ['Past', by('ended', 'endedAt', -1)],
  ].filter(([, list]) => list.length);
  if (!groups.length) return [empty('calendar', 'No sessions here yet', 'Start one, or wait to be invited: sessions appear here by themselves.')];
  const rest = Object.values(state.cursors).some((cursor) => cursor !== END);
  return [
    ...groups.map(([title, list]) => h('section', {}, h('h2', { class: 'section-title' }, h('span', { text: title }), h('span', { class: 'count', text: String(list.length) })),
      h('ul', { class: 'cards' }, list.map((session) => sessionCard(app, session))))),
    rest && h('button', { class: 'button', onclick: more, text: 'Show more' }),
  ];
}

/** @param {{inside?: boolean, named?: boolean}} [options] `inside`: one may join; those of a course are for those who take it; `named`: with the course's title */
export function sessionCard(app, session, { inside = true, named = true } = {}) {
  const { kind, status, id } = session;
  const mine = app.client.user?.id === session.moderatorUserId;
  const label = status === 'live' ? 'Join' : mine ? 'Start' : 'Open';
  const action = status === 'ended'
    ? h('a', { class: 'button', href: `#/recordings/${kind}/${id}` }, icon('play', 18), h('span', { text: 'Recordings' }))
    : h('a', { class: status === 'live' ? 'button primary' : 'button', href: `#/room/${kind}/${id}`, 'aria-label': `${label}: ${session.title}`, text: label });
  const when = status === 'live' ? `Since ${since(session.startedAt)}` : status === 'ended' ? `Ended ${since(session.endedAt)}`
    : session.startTime ? dateTime(session.startTime) : 'Not planned yet';
  return h('li', { class: `card session ${status}` },
    h('span', { class: `kind ${kind}` }, icon(KIND_ICONS[kind])),
    h('div', { class: 'session-text' },
      h('h3', { text: session.title }),
      h('p', { class: 'hint' }, `${KIND_NAMES[kind]}${session.type === 'broadcast' ? ' · broadcast' : ''} · ${mine ? 'you' : session.moderator?.username ?? ''}`),
      named && session.course && h('p', { class: 'hint' }, h('a', { class: 'user-text', href: `#/courses/${session.course.id}`, text: session.course.title })),
      h('p', { class: 'hint' }, status === 'live' && h('span', { class: 'live-dot' }), when,
        status === 'live' && session.participantCount ? ` · ${plural(session.participantCount, 'person', 'people')}` : '')),
    inside && action);
}
