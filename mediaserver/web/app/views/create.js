/** Make a session: now or for later, for everyone or for those who take a course. */
import { h, show } from '../dom.js';
import { choices, field, submitting } from '../parts.js';

const KINDS = [
  { value: 'video', label: 'Video meeting', detail: 'Everyone with camera and voice', symbol: 'camera' },
  { value: 'live', label: 'Live class', detail: 'A meeting, or a broadcast to many', symbol: 'live' },
  { value: 'audio', label: 'Audio room', detail: 'Voices only', symbol: 'mic' },
];
const TYPES = [
  { value: 'meeting', label: 'Meeting', detail: 'Everyone may speak' },
  { value: 'broadcast', label: 'Broadcast', detail: 'You speak; you can bring others on stage' },
];

/** @param {'courses' | 'lessons' | null} [of] what it is for: live classes are for lessons, the others for courses */
export function createView(app, of = null, ofId = null) {
  const kinds = KINDS.filter(({ value }) => !of || (of === 'lessons') === (value === 'live'));
  const place = { back: of ? `/${of}/${ofId}` : '/sessions', bound: of ? { [of === 'courses' ? 'courseId' : 'lessonId']: ofId } : {} };
  const error = h('p', { class: 'form-error', role: 'alert' });
  const types = choices('Who speaks', 'type', TYPES, 'meeting');
  show(types, of === 'lessons');
  const start = h('input', { class: 'input', type: 'datetime-local', name: 'startTime' });
  const planned = field('Starts at', start, 'People see it in the list; you open it when you join.');
  show(planned, false);
  const submit = h('button', { class: 'button primary', type: 'submit', text: 'Start now' });
  const whenChanged = (when) => {
    show(planned, when === 'later');
    start.required = when === 'later';
    start.min = localMinute(new Date());
    submit.textContent = when === 'later' ? 'Schedule' : 'Start now';
  };
  const form = h('form', { class: 'card stack create' }, boundNote(app, of, ofId),
    field('Title', h('input', { class: 'input', name: 'title', required: true, maxlength: 200, placeholder: 'Algebra, week 3' })),
    choices('Kind', 'kind', kinds, kinds[0].value, (kind) => show(types, kind === 'live')),
    types,
    choices('When', 'when', [{ value: 'now', label: 'Now' }, { value: 'later', label: 'Later' }], 'now', whenChanged),
    planned,
    h('label', { class: 'switch' }, h('span', { class: 'grow' }, h('strong', { text: 'End when empty' }),
      h('span', { class: 'hint block', text: 'It ends by itself a while after everyone has left.' })),
    h('input', { type: 'checkbox', role: 'switch', name: 'endsWhenEmpty', checked: true })),
    field('Description', h('textarea', { class: 'input', name: 'description', rows: 2, maxlength: 5000 }), 'Optional.'),
    error,
    h('div', { class: 'row end' }, h('a', { class: 'button', href: `#${place.back}`, text: 'Cancel' }), submit));
  submitting(form, error, (values) => create(app, values, place));
  return { title: 'New session', focus: () => form.elements.title.focus(), element: h('div', { class: 'narrow' }, h('div', { class: 'page-head' }, h('h1', { text: 'New session' })), form) };
}

/** Whom it is for, with the course's title as soon as that is known. */
function boundNote({ client }, of, ofId) {
  if (!of) return null;
  const note = h('p', { class: 'hint', text: 'For those who take the course.' });
  const course = of === 'courses' ? client.learning.course(ofId) : client.learning.lesson(ofId).then((lesson) => lesson.course);
  course.then(({ title }) => { note.textContent = `For those who take “${title}”.`; }, () => {});
  return note;
}

/** What an input of type `datetime-local` understands. */
export const localMinute = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

async function create(app, { kind, type, title, description, when, startTime, endsWhenEmpty }, { back, bound }) {
  const body = { title: title.trim(), endsWhenEmpty: endsWhenEmpty === 'on', ...bound };
  if (description.trim()) body.description = description.trim();
  if (kind === 'live') body.type = type;
  if (when === 'later') body.startTime = new Date(startTime).toISOString();
  const session = await app.client.createSession(kind, body);
  if (when === 'later') return app.go(back);
  await app.client.startSession(kind, session.id);
  return app.go(`/room/${kind}/${session.id}`);
}
