/** The instructor's desk: what the course says of itself, whether it is published, its levels and lessons in their order. */
import { LastWanted } from '../../sdk/lastwanted.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { loaded } from '../list.js';
import { backHead, confirmDialog, empty } from '../parts.js';
import { markBusy, tellError } from '../switches.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { courseForm } from './courseform.js';
import { teaches } from './course.js';
import { organizer } from './organizer.js';

export function courseEditView(app, id) {
  const { learning } = app.client;
  const load = async () => {
    const [course, outline] = await Promise.all([learning.course(id), learning.outline(id)]);
    return { course, outline };
  };
  const page = loaded(load, ({ course, outline }) => {
    setTitle(course.title);
    if (!teaches(course, app.client.user)) return empty('lock', 'This is for its instructor', 'You may look at the course.', h('a', { class: 'button', href: `#/courses/${id}`, text: 'To the course' }));
    return draw(app, course, outline, () => page.reload());
  }, { className: 'stack' });
  return { title: 'Edit course', element: h('div', { class: 'narrow' }, page.element), close: page.close };
}

/** The fields of the details form. */
const DETAILS = ['title', 'courseCode', 'description', 'duration', 'skillId'];

function draw(app, course, outline, reload) {
  const { learning } = app.client;
  /** The document on which the details in the form are based. */
  let base = course;
  const publishing = publishSwitch(app, course, (after) => {
    if (DETAILS.every((name) => after[name] === base[name])) base = after; // else somebody edited them: saving the form has to fail
  });
  const save = async (body) => {
    try {
      await learning.updateCourse(course.id, body, { ifMatch: base });
    } catch (error) {
      if (error.code === 'changed') toast('Somebody else changed this course meanwhile. Load it anew, then change it.', { error: true, action: { label: 'Load anew', run: reload } });
      throw error;
    }
    toast('The course is saved.');
    await reload();
  };
  const remove = async () => {
    const sure = await confirmDialog({ title: 'Delete this course?', text: 'Its lessons, assignments and the progress of all students go with it.', confirm: 'Delete' });
    if (sure) await learning.removeCourse(course.id).then(() => app.go('/courses/teaching'), tellError);
  };
  return [
    backHead(app, course.title, h('a', { class: 'button', href: `#/courses/${course.id}`, text: 'View' })),
    h('section', { class: 'card', 'aria-label': 'Publishing' }, publishing),
    h('h2', { class: 'section-title', text: 'Levels and lessons' }),
    organizer(app, course, outline.levels, reload),
    h('section', { class: 'card stack', 'aria-labelledby': 'details-title' }, h('h2', { id: 'details-title', text: 'Details' }), courseForm(app, course, 'Save', save)),
    h('section', { class: 'card setting', 'aria-label': 'The end of this course' }, h('p', { text: 'The end of this course, with all that belongs to it.' }), h('button', { class: 'button danger', type: 'button', onclick: remove }, icon('trash', 18), h('span', { text: 'Delete' }))),
  ];
}

/** Students see a course, and can enroll, while it is published. */
function publishSwitch(app, course, learn) {
  let known = course.published;
  const input = h('input', { type: 'checkbox', role: 'switch' });
  const hint = h('span', { class: 'hint block' });
  const state = new LastWanted({
    current: () => known,
    send: async (published) => {
      const after = await app.client.learning.updateCourse(course.id, { published });
      known = after.published;
      learn(after);
      if (state.value === known) toast(known ? 'The course is published.' : 'The course is a draft again.');
    },
    changed: show,
    failed: tellError,
  });
  function show() {
    input.checked = state.value;
    markBusy(input, state.busy);
    hint.textContent = state.value ? 'Everyone sees it and may enroll.' : 'Nobody but you sees it.';
  }
  input.addEventListener('change', () => state.want(input.checked));
  show();
  return fill(h('label', { class: 'switch' }), h('span', { class: 'grow' }, h('strong', { text: 'Published' }), hint), input);
}
