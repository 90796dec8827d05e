/** What people write, as elements: web addresses, @mentions and #hashtags become links. No markup of others is ever read. */
import { h } from './dom.js';

const ADDRESS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]'])/g;
const SIGNED = /(?<![\p{L}\p{M}\p{Nd}_@#&/.-])(?:@([\p{L}\p{M}\p{Nd}_][\p{L}\p{M}\p{Nd}_.-]{0,40})|#([\p{L}\p{M}\p{Nd}_]{1,60})(?![\p{L}\p{M}\p{Nd}_]))/gu;

export const fold = (text) => text.normalize('NFKC').toLowerCase();

/** Nodes of a text with its web addresses as links. */
export const linked = (text) => String(text).split(ADDRESS).map((part, index) => (index % 2 ? outside(part) : document.createTextNode(part)));

/** A link that leads away from here; what is no web address is text. */
export const outside = (href, text = href) => (/^https?:\/\//i.test(href) ? h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow', text }) : h('span', { text }));

/**
 * @param {string} text
 * @param {import('../sdk/types.js').Person[]} mentions who is meant: others who are called at are text
 * @returns {Node[]}
 */
export function rich(text, mentions = []) {
  const people = new Map(mentions.map((person) => [fold(person.username), person]));
  return String(text).split(ADDRESS).flatMap((part, index) => (index % 2 ? [outside(part)] : signed(part, people)));
}

function signed(text, people) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(SIGNED)) {
    const [whole, name, tag] = found;
    const link = name ? mention(name, people) : hashtag(tag);
    if (!link) continue;
    nodes.push(document.createTextNode(text.slice(at, found.index)), link.element);
    at = found.index + (link.length ?? whole.length);
  }
  return [...nodes, document.createTextNode(text.slice(at))];
}

/** A full stop after a name is hardly part of it, but may be. */
function mention(name, people) {
  const short = name.replace(/[.-]+$/, '');
  const meant = [short, name].find((each) => people.has(fold(each)));
  return meant && { element: h('a', { href: `#/people/${people.get(fold(meant)).id}`, text: `@${meant}` }), length: meant.length + 1 };
}

/** Numbers alone (#1) are none. */
const hashtag = (tag) => (/^\p{Nd}+$/u.test(tag) ? null : { element: h('a', { href: `#/tag/${encodeURIComponent(fold(tag))}`, text: `#${tag}` }) });
