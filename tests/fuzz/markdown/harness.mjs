/**
 * Reads inputs from standard input (a 4-byte length and UTF-8 bytes each), makes elements of them, and answers one line for
 * each: `ok`, or what is wrong. Argument: the path of `markdown.js`.
 */
import { isText } from './dom.mjs';

const { markdown } = await import(process.argv[2]);

const TAGS = new Set(['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'hr', 'br', 'strong', 'em', 's', 'a', 'span']);
const ATTRIBUTES = new Set(['href', 'target', 'rel', 'class', 'start', 'tabindex', 'role', 'aria-label']);
const DEEPEST = 40;
const SHORT = 4_000;
const LONG = 4 * SHORT;
/** How much longer four times the text may take; quadratic would be 16. */
const MOST_GROWTH = 9;
const NOISE_MS = 8;
const ROUNDS = 4;
const MOST_MS = 100;

function inspect(nodes, depth = 0) {
  if (depth > DEEPEST) throw new Error(`deeper than ${DEEPEST}`);
  let count = 0;
  let text = 0;
  for (const node of nodes) {
    count += 1;
    if (isText(node)) {
      text += node.data.length;
      continue;
    }
    if (!TAGS.has(node.localName)) throw new Error(`an element ${node.localName}`);
    if (node.listeners.length) throw new Error(`listeners ${node.listeners}`);
    for (const [name, value] of node.attributes) {
      if (!ATTRIBUTES.has(name)) throw new Error(`an attribute ${name}`);
      if (name === 'href' && !['http:', 'https:'].includes(protocolOf(value))) throw new Error(`a link to ${value}`);
      if (name === 'href' && !/noopener/.test(node.attributes.get('rel'))) throw new Error('a link without rel=noopener');
    }
    for (const name of Object.keys(node)) {
      if (!['localName', 'attributes', 'listeners', 'childNodes'].includes(name)) throw new Error(`a property ${name}`);
    }
    const within = inspect(node.childNodes, depth + 1);
    count += within.count;
    text += within.text;
  }
  return { count, text };
}

/** As a browser resolves it; an address that is none leads nowhere. */
function protocolOf(href) {
  try {
    return new URL(href, 'https://page.invalid/').protocol;
  } catch {
    return 'https:';
  }
}

/** CPU time of this thread, in milliseconds: other processes do not count. */
function took(text) {
  const begin = process.threadCpuUsage();
  markdown(text);
  const { user, system } = process.threadCpuUsage(begin);
  return (user + system) / 1000;
}

/** The least of some measurements: compiling and collecting garbage only add. */
const least = (text, times) => Math.min(...Array.from({ length: times }, () => took(text)));

/** The input over and over, as long as a small lesson, and four times as long: linear time takes four times as long. */
function isLinear(text) {
  if (!text) return;
  for (const piece of [text, `${text}\n`]) {
    const fill = (length) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
    const [short, long] = [fill(SHORT), fill(LONG)];
    let wrong = null;
    for (let round = 0; round < ROUNDS && (round === 0 || wrong); round += 1) {
      const b = least(long, round === 0 ? 1 : 3);
      const a = b > NOISE_MS ? least(short, 5) : b;
      wrong = b > NOISE_MS && (b > MOST_MS || b > MOST_GROWTH * a) ? `${a} ms for ${SHORT} characters, ${b} ms for ${LONG}` : null;
    }
    if (wrong) throw new Error(wrong);
  }
}

function verdict(text) {
  try {
    const { count, text: characters } = inspect(markdown(text));
    if (count > 8 * text.length + 8) throw new Error(`${count} nodes`);
    if (characters > text.length * 5) throw new Error(`${characters} characters of text`); // a tab is four spaces
    isLinear(text);
    return 'ok';
  } catch (error) {
    return String(error.stack ?? error).replaceAll('\n', ' | ');
  }
}

let waiting = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  waiting = Buffer.concat([waiting, chunk]);
  while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
    const end = 4 + waiting.readUInt32BE(0);
    const text = waiting.subarray(4, end).toString('utf8');
    waiting = waiting.subarray(end);
    process.stdout.write(`${verdict(text)}\n`);
  }
});
