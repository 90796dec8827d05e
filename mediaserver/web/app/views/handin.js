/** The student's side of an assignment: what they handed in, what it was worth, the form to hand in. */
import { fill, h, show } from '../dom.js';
import { blockElement, blockType } from '../blocks.js';
import { dateTime } from '../format.js';
import { icon } from '../icons.js';
import { linked } from '../markup.js';
import { choices, field, submitting } from '../parts.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';

const WAYS = [
  { value: 'text', label: 'Text', symbol: 'text' },
  { value: 'file', label: 'File', symbol: 'file' },
  { value: 'link', label: 'Link', symbol: 'link' },
];

export function handIn(app, { assignment, submission, over, again }) {
  const element = h('section', { class: 'stack', 'aria-label': 'Your work' });
  const open = (before) => fill(element, form(app, { assignment, before, over, again, cancel: before && draw }));
  function draw() {
    if (!submission) return void open(null);
    fill(element, submission.grade && gradeCard(submission.grade),
      h('div', { class: 'card stack' }, h('div', { class: 'row wrap' }, h('h2', { class: 'grow', text: 'Your work' }), h('span', { class: submission.late ? 'label warn' : 'label good', text: submission.late ? 'Late' : 'Handed in' })),
        h('p', { class: 'hint', text: `Handed in ${dateTime(submission.timestamp)}` }), blockElement(submission.content),
        !over && h('div', { class: 'row' }, h('button', { class: 'button', type: 'button', onclick: () => open(submission), text: 'Hand in something else' }),
          submission.grade && h('span', { class: 'hint', text: 'It waits for a grade of its own then.' }))));
  }
  draw();
  return { element };
}

export const gradeCard = ({ score, feedback }) => h('div', { class: 'card grade' }, h('p', { class: 'score' }, h('strong', { text: String(score) }), h('span', { class: 'hint', text: ' of 100' })),
  h('div', { class: 'grow' }, h('h2', { text: 'Graded' }), feedback && h('p', { class: 'prose user-text' }, linked(feedback))));

function form(app, { assignment, before, over, again, cancel }) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const kept = before?.content.type === 'text' ? before.content.value : '';
  const fields = {
    text: field('Your answer', h('textarea', { class: 'input', name: 'text', rows: 8, maxlength: 50_000, value: kept })),
    file: field('Your file', h('input', { class: 'input file-input', type: 'file', name: 'file' }), 'Pictures, films, sound and other files.'),
    link: field('Address', h('input', { class: 'input', type: 'url', name: 'url', placeholder: 'https://…', maxlength: 2000 })),
  };
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Uploading your file' });
  const chosen = (way) => Object.entries(fields).forEach(([name, each]) => show(each, name === way));
  const element = h('form', { class: 'card stack' }, h('h2', { text: before ? 'Hand in something else' : 'Hand in your work' }),
    over && h('p', { class: 'hint bad' }, 'The deadline is over: what you hand in now is marked as late.'),
    choices('As', 'way', WAYS, 'text', chosen), ...Object.values(fields), progress, error,
    h('div', { class: 'row end' }, cancel && h('button', { class: 'button', type: 'button', onclick: cancel, text: 'Cancel' }), h('button', { class: 'button primary', type: 'submit' }, icon('send', 18), h('span', { text: 'Hand in' }))));
  chosen('text');
  submitting(element, error, async ({ way, text, file, url }) => {
    const content = way === 'text' ? { type: 'text', value: needed(text.trim(), 'Write an answer first.') }
      : way === 'link' ? { type: 'link', value: { url: needed(url.trim(), 'Give the address first.') } } : await uploaded(app, file, progress);
    const { learning } = app.client;
    await (before ? learning.resubmit(before.id, content) : learning.submit(assignment.id, content)).catch((failure) => { throw new Error(sentence(failure)); });
    toast('Your work is handed in.');
    await again();
  });
  return element;
}

function needed(value, otherwise) {
  if (!value) throw new Error(otherwise);
  return value;
}

async function uploaded(app, file, progress) {
  if (!file?.size) throw new Error('Choose a file first.');
  show(progress, true);
  try {
    const upload = await app.client.upload(file, { onProgress: (fraction) => { progress.value = fraction; } });
    return { type: blockType(upload), value: upload.id };
  } finally {
    show(progress, false);
  }
}
