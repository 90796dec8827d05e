/** What people reported, for administrators. */
import { fill, h } from '../dom.js';
import { pagedList } from '../list.js';
import { linked } from '../markup.js';
import { backHead, empty } from '../parts.js';
import { face, nameLink } from '../people.js';
import { actionButton } from '../switches.js';
import { agoTime } from '../time.js';

const NAMES = { tweet: 'a tweet', comment: 'a comment', user: 'a person', message: 'a message' };

export function reportsView(app) {
  const { people } = app.client;
  const list = pagedList({
    label: 'Reports',
    load: (cursor) => people.reports({ status: 'open', limit: 20, cursor }),
    item: (report) => reportItem(app, report, (element) => list.remove(element)),
    none: () => empty('flag', 'Nothing to look at', 'What people report stands here until it is dealt with.'),
  });
  return { title: 'Reports', element: h('div', { class: 'narrow' }, backHead(app, 'Reports'), list.element), close: list.close };
}

function reportItem(app, report, done) {
  const { target, reporter } = report;
  const element = h('li', { class: 'card stack tight' });
  // Both buttons settle the same report: the second one does nothing while the first is under way.
  let settling = null;
  const settle = (status) => {
    settling ??= app.client.people.settleReport(report.id, status).finally(() => { settling = null; });
    return settling.then(() => done(element));
  };
  return fill(element,
    h('p', { class: 'hint' }, nameLink(reporter), ` reported ${NAMES[report.targetKind]} · `, agoTime(report.createdAt)),
    h('p', { class: 'prose user-text', text: report.reason }),
    target && h('blockquote', { class: 'reported' }, h('div', { class: 'row' }, face(target.author, { size: 'tiny' }), nameLink(target.author)), target.text && h('p', { class: 'prose user-text' }, linked(target.text))),
    h('div', { class: 'row wrap' },
      report.targetKind === 'tweet' && h('a', { class: 'button small', href: `#/tweets/${report.targetId}`, text: 'Open' }), h('span', { class: 'grow' }),
      actionButton(h('button', { class: 'button small', type: 'button', text: 'Nothing wrong' }), () => settle('dismissed')),
      actionButton(h('button', { class: 'button small primary', type: 'button', text: 'Dealt with' }), () => settle('resolved'))));
}
