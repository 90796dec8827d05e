/** Assignments: those of a lesson, and the page of one, where students hand in and instructors grade. */
import { fill, h } from '../dom.js';
import { dateTime } from '../format.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { linked } from '../markup.js';
import { confirmDialog, field, submitting } from '../parts.js';
import { sentence } from '../sentences.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { localMinute } from './create.js';
import { gradingList } from './grading.js';
import { handIn } from './handin.js';
import { teaches } from './course.js';

const isOver = ({ deadline }) => Date.parse(deadline) < Date.now();

/** The assignments of a lesson; without any, only instructors see the section. */
export function assignmentSection(app, lesson, { teaching }) {
  const element = h('section', { 'aria-labelledby': 'assignments-title', hidden: true });
  const load = async () => {
    const { items } = await app.client.learning.assignments(lesson.id, { limit: 100 });
    element.hidden = !items.length && !teaching;
    fill(element, h('h2', { class: 'section-title', id: 'assignments-title', text: 'Assignments' }),
      items.length > 0 && h('ul', { class: 'card flush lessons' }, items.map((assignment) => row(assignment, teaching))),
      teaching && newAssignment(app, lesson, load));
  };
  load().catch((error) => { element.hidden = false; fill(element, h('p', { class: 'hint bad', text: sentence(error) })); });
  return element;
}

function row(assignment, teaching) {
  const { submission } = assignment;
  const state = teaching ? null : submission?.grade ? `Graded: ${submission.grade.score} of 100` : submission ? `Handed in${submission.late ? ', late' : ''}` : isOver(assignment) ? 'Not handed in' : null;
  return h('li', {}, h('a', { class: 'lesson-row', href: `#/assignments/${assignment.id}` },
    h('span', { class: `status ${submission ? 'completed' : ''}` }, icon(submission ? 'done' : 'task')),
    h('span', { class: 'grow' }, h('strong', { class: 'user-text', text: assignment.title }), h('span', { class: 'hint block', text: due(assignment) })),
    state && h('span', { class: 'label', text: state })));
}

const due = (assignment) => `${isOver(assignment) ? 'Was due' : 'Due'} ${dateTime(assignment.deadline)}`;

function newAssignment(app, lesson, made) {
  const place = h('div', {});
  const button = h('button', { class: 'button small', type: 'button', onclick: () => open() }, icon('plus', 16), h('span', { text: 'New assignment' }));
  const close = () => { fill(place, button); };
  const open = () => {
    const form = assignmentForm({}, 'Post', async (body) => {
      await app.client.learning.createAssignment(lesson.id, body);
      close();
      await made();
    }, () => { close(); button.focus(); });
    fill(place, h('div', { class: 'card' }, form));
    form.elements.title.focus();
  };
  close();
  return place;
}

function assignmentForm(before, action, save, cancel) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const deadline = h('input', { class: 'input', type: 'datetime-local', name: 'deadline', required: true, value: before.deadline ? localMinute(new Date(before.deadline)) : '' });
  const form = h('form', { class: 'stack' },
    field('Title', h('input', { class: 'input', name: 'title', required: true, maxlength: 200, value: before.title ?? '' })),
    field('What is to be done', h('textarea', { class: 'input', name: 'description', rows: 4, maxlength: 20_000, value: before.description ?? '' })),
    field('Deadline', deadline), error,
    h('div', { class: 'row end' }, h('button', { class: 'button', type: 'button', onclick: cancel, text: 'Cancel' }), h('button', { class: 'button primary', type: 'submit', text: action })));
  submitting(form, error, (values) => save({ title: values.title.trim(), description: values.description.trim(), deadline: new Date(values.deadline).toISOString() }));
  return form;
}

export function assignmentView(app, id) {
  const { learning } = app.client;
  const view = { inner: null };
  const load = async () => {
    const assignment = await learning.assignment(id);
    const course = await learning.course(assignment.courseId);
    const submission = assignment.submission && await learning.submission(assignment.submission.id);
    return { assignment, course, submission };
  };
  const page = loaded(load, ({ assignment, course, submission }) => {
    setTitle(assignment.title);
    view.inner?.close?.();
    const teaching = teaches(course, app.client.user);
    view.inner = teaching ? gradingList(app, assignment) : handIn(app, { assignment, submission, over: isOver(assignment), again: () => page.reload() });
    return [
      h('nav', { class: 'crumbs hint', 'aria-label': 'Where you are' }, h('a', { class: 'user-text', href: `#/courses/${course.id}`, text: course.title }),
        h('a', { class: 'user-text', href: `#/lessons/${assignment.lessonId}`, text: assignment.lesson?.title ?? 'Lesson' })),
      h('h1', { class: 'user-text', text: assignment.title }),
      h('section', { class: 'card stack', 'aria-label': 'Assignment' }, h('p', { class: isOver(assignment) ? 'due' : 'due open' }, icon('calendar', 18), h('span', { text: due(assignment) })),
        assignment.description ? h('p', { class: 'prose user-text' }, linked(assignment.description)) : h('p', { class: 'hint', text: 'No description.' }),
        teaching && teacherActs(app, assignment, () => page.reload())),
      view.inner.element,
    ];
  }, { className: 'stack' });
  return { title: 'Assignment', element: h('div', { class: 'narrow' }, page.element), close() { page.close(); view.inner?.close?.(); } };
}

function teacherActs(app, assignment, reload) {
  const { learning } = app.client;
  const place = h('div', {});
  const remove = async () => {
    const sure = await confirmDialog({ title: 'Delete this assignment?', text: 'What was handed in is deleted with it.', confirm: 'Delete' });
    if (sure) await learning.removeAssignment(assignment.id).then(() => app.go(`/lessons/${assignment.lessonId}`), (error) => toast(sentence(error), { error: true }));
  };
  const draw = () => fill(place, h('div', { class: 'row' }, h('button', { class: 'button small', type: 'button', onclick: edit }, icon('edit', 16), h('span', { text: 'Edit' })),
    h('button', { class: 'button small', type: 'button', onclick: remove }, icon('trash', 16), h('span', { text: 'Delete' }))));
  function edit() {
    const form = assignmentForm(assignment, 'Save', async (body) => {
      // The deadline is sent only when it changed: one that is over may stay.
      if (Math.abs(Date.parse(body.deadline) - Date.parse(assignment.deadline)) < 60_000) delete body.deadline;
      await learning.updateAssignment(assignment.id, body);
      await reload();
    }, draw);
    fill(place, form);
    form.elements.title.focus();
  }
  draw();
  return place;
}
