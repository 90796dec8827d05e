/** Who follows somebody, or whom they follow. */
import { h } from '../dom.js';
import { pagedList } from '../list.js';
import { backHead, empty } from '../parts.js';
import { personRow } from '../personrow.js';

const KINDS = {
  followers: { title: 'Followers', key: 'follower', none: 'Nobody follows them yet' },
  following: { title: 'Following', key: 'following', none: 'They follow nobody yet' },
};

export function followsView(app, id, kind) {
  const { title, key, none } = KINDS[kind];
  const list = pagedList({
    label: title, className: 'card people-list',
    load: (cursor) => app.client.people[kind](id, { limit: 30, cursor }),
    item: (follow) => personRow(app, follow[key]),
    none: () => empty('people', none, 'As soon as there is somebody, they stand here.'),
  });
  return { title, element: h('div', { class: 'narrow' }, backHead(app, title), list.element), close: list.close };
}
