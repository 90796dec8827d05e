/** A question of a lesson: choose, check, read why. */
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { linked } from './markup.js';

let made = 0;

/** @param {{question: string, options: string[], answer: number | number[], explanation: string}} quiz */
export function quiz({ question, options, answer, explanation }) {
  const right = new Set([answer].flat());
  const several = Array.isArray(answer);
  const name = `quiz-${made += 1}`;
  const verdict = h('div', { class: 'verdict', role: 'status' });
  const check = h('button', { class: 'button', type: 'submit', disabled: true, text: 'Check' });
  const marks = options.map(() => h('span', { class: 'mark-place' }));
  const inputs = options.map((_, index) => h('input', { type: several ? 'checkbox' : 'radio', name, value: String(index), onchange: () => begin() }));
  const begin = () => {
    check.disabled = !inputs.some(({ checked }) => checked);
    fill(verdict);
    marks.forEach((mark) => fill(mark));
    for (const input of inputs) input.parentElement.classList.remove('right', 'wrong');
  };
  const judge = () => {
    const chosen = new Set(inputs.flatMap(({ checked }, index) => (checked ? [index] : [])));
    const good = chosen.size === right.size && [...chosen].every((index) => right.has(index));
    // What was chosen is judged; the right answer is given away only by being found.
    for (const index of chosen) {
      inputs[index].parentElement.classList.add(right.has(index) ? 'right' : 'wrong');
      fill(marks[index], icon(right.has(index) ? 'check' : 'close', 18));
    }
    fill(verdict, h('p', { class: good ? 'good' : 'bad' }, h('strong', { text: good ? 'Right!' : several ? 'Not quite: look at what is right and what is missing.' : 'Not quite. Try again.' })),
      good && explanation && h('p', { class: 'prose' }, linked(explanation)));
  };
  return h('form', { class: 'quiz', onsubmit: (event) => { event.preventDefault(); judge(); } },
    h('fieldset', {}, h('legend', {}, h('span', { class: 'prose', text: question }), several && h('span', { class: 'hint block', text: 'Choose all that are right.' })),
      options.map((option, index) => h('label', { class: 'option' }, inputs[index], h('span', { class: 'grow user-text', text: option }), marks[index]))),
    h('div', { class: 'row' }, check), verdict);
}
