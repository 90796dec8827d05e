/** The instructor's side of an assignment: what was handed in, each with the form for its grade. */
import { fill, h } from '../dom.js';
import { blockElement } from '../blocks.js';
import { dateTime } from '../format.js';
import { pagedList } from '../list.js';
import { empty, field, submitting } from '../parts.js';
import { face, nameLink } from '../people.js';
import { toast } from '../toast.js';

export function gradingList(app, assignment) {
  const list = pagedList({
    label: 'Submissions',
    load: (cursor) => app.client.learning.submissions(assignment.id, { limit: 20, cursor }),
    item: (submission) => submissionItem(app, submission),
    none: () => empty('task', 'Nothing handed in yet', 'What students hand in stands here.'),
  });
  return { element: h('section', { 'aria-labelledby': 'submissions-title' }, h('h2', { class: 'section-title', id: 'submissions-title', text: 'Submissions' }), list.element), close: list.close };
}

function submissionItem(app, submission) {
  const element = h('li', { class: 'card stack submission' });
  const draw = () => fill(element,
    h('div', { class: 'row wrap' }, face(submission.user), h('div', { class: 'grow' }, nameLink(submission.user), h('p', { class: 'hint', text: dateTime(submission.timestamp) })),
      submission.late && h('span', { class: 'label warn', text: 'Late' }), submission.grade && h('span', { class: 'label good', text: `${submission.grade.score} of 100` })),
    blockElement(submission.content), form());
  const form = () => {
    const error = h('p', { class: 'form-error', role: 'alert' });
    const who = submission.user.username;
    const made = h('form', { class: 'grade-form' },
      field('Score', h('input', { class: 'input', name: 'score', type: 'number', min: 0, max: 100, step: 'any', required: true, 'aria-label': `Score of ${who}, of 100`, value: submission.grade?.score ?? '' })),
      field('Feedback', h('textarea', { class: 'input', name: 'feedback', rows: submission.grade?.feedback ? 2 : 1, maxlength: 10_000, 'aria-label': `Feedback for ${who}`, value: submission.grade?.feedback ?? '' })),
      h('button', { class: 'button primary', type: 'submit', text: submission.grade ? 'Change grade' : 'Grade' }), error);
    submitting(made, error, async ({ score, feedback }) => {
      const graded = await app.client.learning.grade(submission.id, { score: Number(score), feedback: feedback.trim(), timestamp: submission.timestamp });
      submission = { ...submission, grade: graded.grade };
      toast(`${who} got ${graded.grade.score} of 100.`);
      draw();
    });
    return made;
  };
  draw();
  return element;
}
