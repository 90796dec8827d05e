/** Make a course; and what a course says of itself, as a form. */
import { h } from '../dom.js';
import { backHead, field, submitting } from '../parts.js';
import { skillPicker } from '../skillpicker.js';

export function newCourseView(app) {
  const form = courseForm(app, {}, 'Create', async (body) => {
    const course = await app.client.learning.createCourse(body);
    app.go(`/courses/${course.id}/edit`);
  });
  return { title: 'New course', element: h('div', { class: 'narrow' }, backHead(app, 'New course'), h('div', { class: 'card' }, form)) };
}

/** @param {Partial<import('../../sdk/types.js').Course>} before */
export function courseForm(app, before, action, save) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const skill = skillPicker(app.client, before.skill ? [before.skill] : [], { label: 'Skill', hint: 'What one can after this course.', most: 1 });
  const form = h('form', { class: 'stack' },
    field('Title', h('input', { class: 'input', name: 'title', required: true, maxlength: 200, value: before.title ?? '' })),
    field('Code', h('input', { class: 'input', name: 'courseCode', required: true, maxlength: 32, pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*', placeholder: 'ALGEBRA-1', value: before.courseCode ?? '', spellcheck: 'false' }), 'A short name for the timetable: letters, digits, dots and hyphens. No two courses have the same.'),
    field('Description', h('textarea', { class: 'input', name: 'description', rows: 4, maxlength: 5000, value: before.description ?? '' })),
    field('Minutes of work', h('input', { class: 'input', name: 'duration', type: 'number', min: 0, max: 1_000_000, value: String(before.duration ?? 0) })),
    skill.element, error,
    h('div', { class: 'row end' }, h('button', { class: 'button primary', type: 'submit', text: action })));
  submitting(form, error, (values) => save({
    title: values.title.trim(), courseCode: values.courseCode.trim(), description: values.description.trim(), duration: Number(values.duration || 0), skillId: skill.ids()[0] ?? null,
  }));
  return form;
}
