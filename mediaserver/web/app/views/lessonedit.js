/** Write a lesson: its title and its blocks, one after the other, each with a small form of its own. */
import { fill, h } from '../dom.js';
import { BLOCK_TYPES, blockForm } from '../blockforms.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { menuOf } from '../menu.js';
import { confirmDialog, field, submitting } from '../parts.js';
import { sentence } from '../sentences.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';

export function lessonEditView(app, id) {
  const view = { dirty: false };
  const page = loaded(() => app.client.learning.lesson(id), (lesson) => {
    setTitle(`Edit ${lesson.title}`);
    view.dirty = false;
    return editor(app, lesson, view, () => page.reload());
  }, { className: 'stack' });
  const leaving = (event) => view.dirty && event.preventDefault();
  addEventListener('beforeunload', leaving);
  return { title: 'Edit lesson', element: h('div', { class: 'narrow' }, page.element), close() { page.close(); removeEventListener('beforeunload', leaving); } };
}

function editor(app, lesson, view, reload) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const blocks = blockList(app, lesson.content, () => { view.dirty = true; });
  const title = h('input', { class: 'input', name: 'title', required: true, maxlength: 200, value: lesson.title });
  const form = h('form', { class: 'stack', oninput: () => { view.dirty = true; } },
    h('div', { class: 'card' }, field('Title', title)), blocks.element, error,
    h('div', { class: 'card row wrap save-bar' }, h('a', { class: 'button', href: `#/lessons/${lesson.id}`, text: 'View' }), h('span', { class: 'grow' }), h('button', { class: 'button primary', type: 'submit', text: 'Save' })));
  submitting(form, error, async () => {
    let after;
    try {
      after = await app.client.learning.updateLesson(lesson.id, { title: title.value.trim(), content: blocks.values() }, { ifMatch: lesson });
    } catch (failure) {
      throw new Error(explained(failure));
    }
    lesson = after; // the next save is judged by this one
    view.dirty = false;
    toast('The lesson is saved.');
  });
  const remove = async () => {
    if (!await confirmDialog({ title: `Delete “${lesson.title}”?`, text: 'Its content, assignments and what students did with it go with it.', confirm: 'Delete' })) return;
    await app.client.learning.removeLesson(lesson.id).then(() => { view.dirty = false; app.go(`/courses/${lesson.courseId}/edit`); }, (failure) => toast(sentence(failure), { error: true }));
  };
  const more = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'More about this lesson' }, icon('more'));
  return [
    h('nav', { class: 'crumbs hint', 'aria-label': 'Where you are' }, h('a', { class: 'user-text', href: `#/courses/${lesson.courseId}/edit`, text: lesson.course?.title ?? 'Course' })),
    h('div', { class: 'page-head flat' }, h('h1', { text: 'Edit lesson' }), h('span', { class: 'grow' }), more, menuOf(more, () => [{ label: 'Load anew', symbol: 'begun', run: reload }, { label: 'Delete lesson', symbol: 'trash', danger: true, run: remove }])),
    form,
  ];
}

/** Which block is wrong, counted as people count. */
function explained(failure) {
  if (failure.code === 'changed') return 'Somebody else changed this lesson meanwhile. Copy what you wrote, then load it anew from the menu above.';
  const places = (failure.errors ?? []).map(({ loc, msg }) => [/^content\.(\d+)/.exec(loc), msg]);
  if (!places.length || places.some(([found]) => !found)) return sentence(failure);
  return places.map(([found, msg]) => `Part ${Number(found[1]) + 1}: ${msg}.`).join(' ');
}

function blockList(app, content, changed) {
  const list = h('ol', { class: 'block-forms stack' });
  /** @type {{element: HTMLElement, value: () => object}[]} */
  let parts = [];
  const draw = () => {
    parts.forEach((part, index) => part.number(index, parts.length));
    fill(list, parts.map(({ element }) => element));
  };
  const move = (part, by) => {
    const at = parts.indexOf(part);
    parts.splice(at, 1);
    parts.splice(at + by, 0, part);
    changed();
    draw();
    part.focusMenu();
  };
  const remove = (part) => {
    const at = parts.indexOf(part);
    parts = parts.filter((each) => each !== part);
    changed();
    draw();
    (parts[at] ?? parts[at - 1])?.focusMenu();
    if (!parts.length) add.focus();
  };
  const make = (block) => {
    const part = blockPart(app, block, { up: () => move(part, -1), down: () => move(part, 1), remove: () => remove(part), changed });
    return part;
  };
  const add = h('button', { class: 'button', type: 'button' }, icon('plus', 18), h('span', { text: 'Add a part' }));
  const menu = menuOf(add, () => Object.entries(BLOCK_TYPES).map(([type, { label, symbol }]) => ({ label, symbol, run: () => {
    const part = make({ type, value: undefined });
    parts.push(part);
    changed();
    draw();
    part.focus();
  } })));
  parts = content.map(make);
  draw();
  return { element: h('div', { class: 'stack' }, list, h('div', { class: 'row center' }, add, menu)), values: () => parts.map((part) => part.value()) };
}

function blockPart(app, block, { up, down, remove, changed }) {
  const form = blockForm(app, block, changed);
  const label = BLOCK_TYPES[block.type]?.label ?? block.type;
  const heading = h('h2', { class: 'grow' });
  const more = h('button', { class: 'icon-button small', type: 'button' }, icon('more', 18));
  let place = { index: 0, count: 1 };
  const menu = menuOf(more, () => [
    place.index > 0 && { label: 'Move up', symbol: 'up', run: up },
    place.index < place.count - 1 && { label: 'Move down', symbol: 'down', run: down },
    { label: 'Remove', symbol: 'trash', danger: true, run: remove },
  ]);
  return {
    element: h('li', { class: 'card stack tight block-form' }, h('div', { class: 'row' }, icon(BLOCK_TYPES[block.type]?.symbol ?? 'file', 18), heading, more, menu), form.element),
    value: form.value,
    number(index, count) {
      place = { index, count };
      heading.textContent = `${index + 1}. ${label}`;
      more.setAttribute('aria-label', `Move or remove part ${index + 1}: ${label}`);
    },
    focus: () => form.element.querySelector('textarea, input:not([hidden]), button')?.focus(),
    focusMenu: () => more.focus(),
  };
}
