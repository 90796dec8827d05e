/** The blocks of a lesson, and of what students hand in, as elements; every type has a function of its own. */
import { h } from './dom.js';
import { duration } from './format.js';
import { icon } from './icons.js';
import { codeBlock, markdown } from './markdown.js';
import { linked, outside } from './markup.js';
import { fileLink, film, picture, sound } from './media.js';
import { quiz } from './quiz.js';

const GONE = () => h('p', { class: 'hint', text: 'This is not there any more.' });

const DRAW = {
  text: (value) => h('p', { class: 'prose' }, linked(value)),
  markdown: (value) => h('div', { class: 'markdown' }, markdown(value)),
  image: (value) => picture(value),
  video: (value) => film(value),
  audio: (value) => sound(value),
  file: (value) => fileLink(value),
  code: ({ source, language }) => codeBlock(source, language),
  link: ({ url, title }) => h('p', { class: 'link-block' }, icon('link', 18), outside(url, title || url)),
  clip: (value) => h('a', { class: 'file', href: `#/clips/${value.id}` }, icon('play'),
    h('span', {}, h('strong', { text: value.title }), h('span', { class: 'hint', text: value.duration ? duration(value.duration) : 'Clip' }))),
  quiz: (value) => quiz(value),
};

/** @param {import('../sdk/types.js').Block} block a value that is null was an upload or a clip that is gone */
export function blockElement({ type, value }) {
  if (value === null || value === undefined) return GONE();
  return h('div', { class: `block block-${type}` }, (DRAW[type] ?? (() => h('p', { class: 'hint', text: `This page cannot show “${type}”.` })))(value));
}

/** The type of the block in which an upload stands. */
export const blockType = ({ contentType }) => ({ image: 'image', video: 'video', audio: 'audio' })[contentType.split('/')[0]] ?? 'file';
