/** People as they stand beside what they say and do: a picture, a name, both leading to their page. */
import { h } from './dom.js';
import { avatar } from './parts.js';

/** How the server calls those who are gone; no username has a space. */
const DELETED = 'deleted user';

export const isGone = (person) => !person || person.username === DELETED;

/** A summary has the picture's URL, a profile the upload. */
export const imageOf = (person) => (typeof person?.profileImage === 'string' ? person.profileImage : person?.profileImage?.thumbnail?.url ?? person?.profileImage?.url ?? null);

export const personHref = (person) => `#/people/${encodeURIComponent(person.id)}`;

/** The picture; a link for the mouse only, for the name beside it leads to the same place. */
export function face(person, { size = '' } = {}) {
  const picture = avatar(person?.username ?? DELETED, { size, imageUrl: imageOf(person) });
  return isGone(person) ? picture : h('a', { class: 'face', href: personHref(person), tabindex: '-1', 'aria-hidden': 'true' }, picture);
}

export function nameLink(person, text = person?.username ?? DELETED) {
  return isGone(person) ? h('span', { class: 'gone', text }) : h('a', { class: 'name', href: personHref(person), text });
}
