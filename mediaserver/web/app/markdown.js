/**
 * A safe part of Markdown, made into elements: headings, lists, emphasis, code, quotes, rules, links to http(s). HTML in it stays text.
 * Every pattern is bounded, so that no text takes long.
 */
import { h } from './dom.js';
import { outside } from './markup.js';

const DEEPEST = 6;
const MOST_BLANK = 20;
const FENCE = /^ {0,3}(```+|~~~+) *([\w+#.-]{0,30})/;
const HEADING = /^ {0,3}(#{1,6})(?: |$)/;
const RULE = /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:( +)|$)/;
const QUOTE = /^ {0,3}> ?/;
const BLANK = /^\s*$/;

/** @param {string} text @param {number} [top] the level of its highest heading on the page @returns {Node[]} */
export function markdown(text, top = 2) {
  return blocks(String(text).replace(/\r\n?/g, '\n').replace(/\t/g, '    ').split('\n'), top, 0);
}

function blocks(lines, top, depth) {
  const found = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (BLANK.test(line)) { at += 1; continue; }
    const [node, next] = block(lines, at, top, depth);
    found.push(node);
    at = next;
  }
  return found;
}

/** The element that begins at a line, and where the next one does. */
function block(lines, at, top, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fenced(lines, at);
  const heading = HEADING.exec(line);
  if (heading) return [h(`h${Math.min(6, heading[1].length + top - 1)}`, {}, ...inline(titleOf(line.slice(heading[0].length)))), at + 1];
  if (RULE.test(line)) return [h('hr'), at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quoted(lines, at, top, depth);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, top, depth);
  return paragraph(lines, at, depth);
}

/** What a heading says, without the signs that may end it. */
function titleOf(text) {
  const words = text.trim();
  let end = words.length;
  while (end > 0 && words[end - 1] === '#') end -= 1;
  return end === 0 || words[end - 1] === ' ' ? words.slice(0, end).trimEnd() : words;
}

function fenced(lines, at) {
  const [, fence, language] = FENCE.exec(lines[at]);
  let end = at + 1;
  while (end < lines.length && !(lines[end].trimStart().startsWith(fence) && BLANK.test(lines[end].trimStart().slice(fence.length)))) end += 1;
  return [codeBlock(lines.slice(at + 1, end).join('\n'), language), end + 1];
}

export const codeBlock = (source, language = '') => h('pre', { class: 'code', tabindex: '0', role: 'group', 'aria-label': language ? `Code, ${language}` : 'Code' },
  h('code', { text: source }));

function quoted(lines, at, top, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  return [h('blockquote', {}, ...blocks(lines.slice(at, end).map((line) => line.replace(QUOTE, '')), top, depth + 1)), end];
}

const ordered = (marker) => /\d/.test(marker);

function list(lines, at, top, depth) {
  const first = ITEM.exec(lines[at])[2];
  const element = h(ordered(first) ? 'ol' : 'ul', ordered(first) && parseInt(first, 10) !== 1 ? { start: parseInt(first, 10) } : {});
  let next = at;
  while (next < lines.length) {
    const found = ITEM.exec(lines[next]);
    if (!found || ordered(found[2]) !== ordered(first) || RULE.test(lines[next])) break;
    const indent = found[1].length + found[2].length + Math.min(found[3]?.length ?? 1, 4);
    const own = [lines[next].slice(indent)];
    next += 1;
    while (next < lines.length && belongs(lines, next, indent)) {
      own.push(BLANK.test(lines[next]) ? '' : lines[next].slice(Math.min(indent, lines[next].search(/\S/))));
      next += 1;
    }
    element.append(item(own, top, depth));
    while (next < lines.length && BLANK.test(lines[next])) next += 1;
  }
  return [element, next];
}

/** Whether a line goes on with an item: indented, or the same paragraph going on; blank ones only before such. */
function belongs(lines, at, indent) {
  if (!BLANK.test(lines[at])) return lines[at].search(/\S/) >= indent || (!BLANK.test(lines[at - 1]) && !begins(lines[at]));
  let after = at;
  while (after < Math.min(lines.length, at + MOST_BLANK) && BLANK.test(lines[after])) after += 1;
  return after < lines.length && lines[after].search(/\S/) >= indent;
}

/** An item of one paragraph needs no paragraph around it. */
function item(lines, top, depth) {
  const parts = blocks(lines, top, depth + 1);
  return h('li', {}, ...parts.flatMap((part, index) => (part.localName === 'p' && index === 0 ? [...part.childNodes] : [part])));
}

const begins = (line) => [FENCE, HEADING, RULE, ITEM, QUOTE].some((pattern) => pattern.test(line));

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !BLANK.test(lines[end]) && (depth >= DEEPEST || !begins(lines[end]))) end += 1;
  return [h('p', {}, ...inline(lines.slice(at, end).join('\n'))), end];
}

const INLINE = new RegExp([
  /\\([!-/:-@[-`{-~])/, // 1: a character that means itself
  /(?<!`)(`{1,3})(?!`)([^`\n](?:[^\n]{0,400}?[^`\n])?)\2(?!`)/, // 2, 3: code
  /\[([^\][\n]{1,300})\]\((https?:\/\/[^\s()<>]{1,1000}(?:\([^\s()<>]{1,200}\)[^\s()<>]{0,200})?)\)/, // 4, 5: a link
  /<?(https?:\/\/[^\s<>"]{1,1000}[^\s<>".,;:!?)\]'*_])>?/, // 6: an address
  /\*\*(?=\S)([^\n]{0,400}?\S)\*\*(?!\*)/, // 7: strong
  /(?<![\p{L}\p{Nd}_])__(?=\S)([^\n]{0,400}?\S)__(?![\p{L}\p{Nd}_])/, // 8: strong
  /(?<!\p{Nd})\*(?=[^\s*])([^\n*]{0,400}?[^\s*])\*/, // 9: emphasis; 2*3*4 is none
  /(?<![\p{L}\p{Nd}_])_(?=[^\s_])([^\n]{0,400}?[^\s_])_(?![\p{L}\p{Nd}_])/, // 10: emphasis
  /~~(?=\S)([^\n]{0,400}?\S)~~/, // 11: struck out
  /(?: {2,20}|\\)(\n)/, // 12: a line's end that is meant
].map(({ source }) => source).join('|'), 'gu');

function inline(text, depth = 0) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    nodes.push(document.createTextNode(text.slice(at, found.index)), inlineNode(found, depth));
    at = found.index + found[0].length;
  }
  return [...nodes, document.createTextNode(text.slice(at))];
}

function inlineNode(found, depth) {
  const [whole, escaped, , code, label, href, address, strong, strong2, em, em2, struck, line] = found;
  const within = (text) => (depth < DEEPEST ? inline(text, depth + 1) : [document.createTextNode(text)]);
  if (escaped) return document.createTextNode(escaped);
  if (code) return h('code', { text: code });
  if (label) return outside(href, label);
  if (address) return outside(address);
  if (strong ?? strong2) return h('strong', {}, ...within(strong ?? strong2));
  if (em ?? em2) return h('em', {}, ...within(em ?? em2));
  if (struck) return h('s', {}, ...within(struck));
  return line ? h('br') : document.createTextNode(whole);
}
