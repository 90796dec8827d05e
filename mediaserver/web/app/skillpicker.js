/** Skills, chosen from those that there are: found by typing, kept in the order of choosing, the first being the main one. */
import { fill, h, show } from './dom.js';
import { icon } from './icons.js';

const WAIT_MS = 250;
const SHOWN = 8;

/**
 * @param {import('../sdk/index.js').Client} client
 * @param {import('../sdk/types.js').Skill[]} chosen
 * @param {{label?: string, hint?: string, most?: number}} [options]
 */
export function skillPicker(client, chosen, { label = 'Skills', hint = 'The first is your main one.', most = 50 } = {}) {
  let skills = [...chosen];
  const list = h('ul', { class: 'tags', 'aria-label': `Chosen: ${label.toLowerCase()}` });
  const input = h('input', { class: 'input', type: 'search', autocomplete: 'off', placeholder: 'Find a skill' });
  const found = h('ul', { class: 'found', 'aria-label': 'Found skills', hidden: true });
  const status = h('span', { class: 'sr-only', role: 'status' });
  const drawChosen = () => fill(list, skills.map((skill) => h('li', { class: 'tag' }, h('span', { text: skill.name }),
    h('button', { class: 'icon-button tiny', type: 'button', 'aria-label': `Remove ${skill.name}`, onclick: () => { skills = skills.filter(({ id }) => id !== skill.id); drawChosen(); input.focus(); } }, icon('close', 14)))));
  const add = (skill) => {
    skills = most === 1 ? [skill] : [...skills.filter(({ id }) => id !== skill.id), skill].slice(0, most);
    input.value = '';
    show(found, false);
    drawChosen();
    input.focus();
  };
  let asked = 0;
  const search = async () => {
    asked += 1;
    const mine = asked;
    const { items } = await client.people.skills({ limit: SHOWN, q: input.value.trim() || undefined }).catch(() => ({ items: [] }));
    if (mine !== asked) return;
    const free = items.filter(({ id }) => !skills.some((each) => each.id === id));
    fill(found, free.map((skill) => h('li', {}, h('button', { class: 'found-item', type: 'button', onclick: () => add(skill) }, icon('plus', 16), h('span', { text: skill.name }), skill.category && h('span', { class: 'hint', text: skill.category })))));
    show(found, free.length > 0);
    status.textContent = free.length ? `${free.length} found` : 'No skill found';
  };
  let timer = null;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  input.addEventListener('focus', search);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') { event.preventDefault(); found.querySelector('button')?.click(); }
    if (event.key === 'Escape') show(found, false);
  });
  const element = h('div', { class: 'field' }, h('label', { class: 'field' }, h('span', { class: 'field-label', text: label }), input), found, status, list, hint && h('span', { class: 'hint', text: hint }));
  element.addEventListener('focusout', ({ relatedTarget }) => { if (!element.contains(relatedTarget)) show(found, false); });
  drawChosen();
  return { element, ids: () => skills.map(({ id }) => id) };
}
