/**
 * What people write, as elements: web addresses, @mentions and #hashtags become links. No markup of others is ever read.
 * domain/text/markup.py finds the same mentions and hashtags in the same way; tests/web/markup_examples.json has examples for both.
 */
import { h } from './dom.js';

const ADDRESS = /(https?:\/\/[^\s<>"“”„«»「」『』（）《》、。，；！？]+[^\s<>"“”„«»「」『』（）《》、。，；！？.,;:!?)\]'])/gi;
/** Joiners, middle dots and wave dashes: inside a hashtag, not at its ends. */
const MEDIAL = '\u200c\u200d\u00b7\u0387\u30fb\uff65\u301c\uff5e';
const FILLERS = '\u115f\u1160\u3164\uffa0';
const PIECE = /[^\s\ufeff<>"“”„«»「」『』（）《》、。，；！？]+/gu;
const SCHEME_END = /[A-Za-z0-9+.-]/;
const DOMAIN = /^(?:[Ww]{3}\.|[^/?#@＠﹫＃﹟:.]+\.[^/?#@＠﹫＃﹟:]+(?::[0-9]+)?\/)/u;
const WORD = `(?![${FILLERS}])[\\p{L}\\p{M}\\p{Nd}_〇]`;
const BEGIN = `(?![${FILLERS}])[\\p{L}\\p{Nd}_〇]`;
const ALONE = `(?<!(?![${FILLERS}])[\\p{L}\\p{M}\\p{Nd}_〇@＠﹫#＃﹟&/.\\-=\\\\])`;
const SIGNED = new RegExp(
  `${ALONE}(?:[@＠﹫](?<name>${BEGIN}(?:${WORD}|[.-])*)(?![@＠﹫])|[#＃﹟](?<tag>${BEGIN}(?:${WORD}|[${MEDIAL}])*))`, 'gu',
);
const MAX_TYPED = 1000;
const MAX_TAG = 60;

/** As names are compared: nearly Unicode's case folding, which JavaScript does not have. */
export const fold = (text) => Array.from(text.normalize('NFKC'), (one) => (one === 'ı' ? one : one.toUpperCase().toLowerCase())).join('').replaceAll('ς', 'σ');

/** As hashtags are looked for: both wave dashes are one, nothing is invisible but joiners between letters. */
function tagKey(tag) {
  const folded = fold(tag.replaceAll('\uff5e', '\u301c')).replace(/(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}/gu, '');
  const [inside] = folded.match(new RegExp(`^(?:${WORD}|[${MEDIAL}])*`, 'u'));
  return trimmed(inside, MEDIAL).replaceAll('\u301c', '\uff5e');
}

function trimmed(text, signs) {
  let begin = 0;
  let end = text.length;
  while (begin < end && signs.includes(text[begin])) begin += 1;
  while (end > begin && signs.includes(text[end - 1])) end -= 1;
  return text.slice(begin, end);
}

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
  const nodes = [];
  let at = 0;
  for (const found of signed(String(text))) {
    const link = found.names ? mention(found, people) : hashtag(found);
    if (!link) continue;
    nodes.push(...linked(text.slice(at, found.begin)), link.element);
    at = found.begin + link.length;
  }
  return [...nodes, ...linked(text.slice(at))];
}

/** What a text mentions and tags: the names that each mention may mean, the likelier first, and the keys of hashtags. */
export function found(text) {
  const names = new Map();
  const tags = new Set();
  for (const each of signed(text)) {
    if (each.tag) tags.add(each.tag);
    else names.set(each.names.map(fold).join('\n'), each.names.map(fold));
  }
  return { mentions: [...names.values()], hashtags: [...tags] };
}

function* signed(text) {
  for (const piece of text.matchAll(PIECE)) {
    const part = piece[0].slice(0, addressBegin(piece[0]));
    for (const match of part.matchAll(SIGNED)) {
      const begin = piece.index + match.index;
      const { name, tag } = match.groups;
      if (name && name.length <= MAX_TYPED) {
        const names = [...new Set([trimmed(name, '.-'), name])].filter((each) => [...fold(each)].length >= 3 && [...fold(each)].length <= 32);
        if (names.length) yield { begin, names };
      } else if (tag && tag.length <= MAX_TYPED) {
        const key = tagKey(tag);
        const digits = new RegExp(`^[\\p{Nd}${MEDIAL}]*$`, 'u');
        if (key && [...key].length <= MAX_TAG && !digits.test(key)) yield { begin, tag: key, typed: trimmed(tag, MEDIAL) };
      }
    }
  }
}

/** Where a piece of text becomes a web address: at its scheme or its domain; its end when there is none. */
function addressBegin(piece) {
  const end = piece.indexOf('://');
  let begin = end;
  while (begin > 0 && SCHEME_END.test(piece[begin - 1])) begin -= 1;
  if (begin < end) return begin;
  return DOMAIN.test(piece) ? 0 : piece.length;
}

/** A full stop after a name is hardly part of it, but may be. */
function mention({ names }, people) {
  const meant = names.find((each) => people.has(fold(each)));
  return meant && { element: h('a', { href: `#/people/${people.get(fold(meant)).id}`, text: `@${meant}` }), length: meant.length + 1 };
}

const hashtag = ({ tag, typed }) => ({ element: h('a', { href: `#/tag/${encodeURIComponent(tag)}`, text: `#${typed}` }), length: typed.length + 1 });
