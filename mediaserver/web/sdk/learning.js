/** Courses, lessons, how far one has come, assignments. Edits may carry what was read (`ifMatch`), see `Rest.request`. */
const seg = encodeURIComponent;

export class Learning {
  /** @param {import('./rest.js').Rest} rest */
  constructor(rest) {
    this.rest = rest;
  }

  /** @param {{q?: string, instructorUserId?: string, skillId?: string, published?: boolean, sort?: string, limit?: number, cursor?: string}} query */
  courses(query = {}) {
    return this.rest.request('GET', '/courses', { query });
  }

  course(id) {
    return this.rest.request('GET', `/courses/${seg(id)}`);
  }

  createCourse(body) {
    return this.rest.request('POST', '/courses', { body });
  }

  updateCourse(id, changes, { ifMatch } = {}) {
    return this.rest.request('PATCH', `/courses/${seg(id)}`, { body: changes, ifMatch });
  }

  removeCourse(id) {
    return this.rest.request('DELETE', `/courses/${seg(id)}`);
  }

  /** A course page at once: levels with lessons, one's own progress, sessions. @returns {Promise<import('./types.js').Outline>} */
  outline(id) {
    return this.rest.request('GET', `/courses/${seg(id)}/outline`);
  }

  createLevel(courseId, body) {
    return this.rest.request('POST', `/courses/${seg(courseId)}/levels`, { body });
  }

  updateLevel(id, changes) {
    return this.rest.request('PATCH', `/levels/${seg(id)}`, { body: changes });
  }

  removeLevel(id) {
    return this.rest.request('DELETE', `/levels/${seg(id)}`);
  }

  /** @param {string[]} levelIds all of them */
  orderLevels(courseId, levelIds) {
    return this.rest.request('PUT', `/courses/${seg(courseId)}/levels/order`, { body: { levelIds } });
  }

  /** @returns {Promise<import('./types.js').Lesson>} with its content */
  lesson(id) {
    return this.rest.request('GET', `/lessons/${seg(id)}`);
  }

  lessons(query = {}) {
    return this.rest.request('GET', '/lessons', { query });
  }

  createLesson(levelId, body) {
    return this.rest.request('POST', `/levels/${seg(levelId)}/lessons`, { body });
  }

  updateLesson(id, changes, { ifMatch } = {}) {
    return this.rest.request('PATCH', `/lessons/${seg(id)}`, { body: changes, ifMatch });
  }

  removeLesson(id) {
    return this.rest.request('DELETE', `/lessons/${seg(id)}`);
  }

  orderLessons(levelId, lessonIds) {
    return this.rest.request('PUT', `/levels/${seg(levelId)}/lessons/order`, { body: { lessonIds } });
  }

  /** One's own, with their courses and progress; instructors also see their students'. */
  enrollments(query = {}) {
    return this.rest.request('GET', '/enrollments', { query });
  }

  enroll(courseId) {
    return this.rest.request('POST', '/enrollments', { body: { courseId } });
  }

  leave(enrollmentId) {
    return this.rest.request('DELETE', `/enrollments/${seg(enrollmentId)}`);
  }

  /** The students whom the instructor removed from a course; they cannot enroll until they are readmitted. */
  removals(courseId, query = {}) {
    return this.rest.request('GET', `/courses/${seg(courseId)}/removals`, { query });
  }

  readmit(removalId) {
    return this.rest.request('DELETE', `/course-removals/${seg(removalId)}`);
  }

  /** @param {string} lessonId @param {'not-started' | 'in-progress' | 'completed'} completionStatus */
  setProgress(lessonId, completionStatus) {
    return this.rest.request('PUT', '/progress', { body: { lessonId, completionStatus } });
  }

  /** How far each student is. */
  students(courseId, query = {}) {
    return this.rest.request('GET', `/courses/${seg(courseId)}/progress`, { query });
  }

  assignments(lessonId, query = {}) {
    return this.rest.request('GET', `/lessons/${seg(lessonId)}/assignments`, { query });
  }

  assignment(id) {
    return this.rest.request('GET', `/assignments/${seg(id)}`);
  }

  createAssignment(lessonId, body) {
    return this.rest.request('POST', `/lessons/${seg(lessonId)}/assignments`, { body });
  }

  updateAssignment(id, changes) {
    return this.rest.request('PATCH', `/assignments/${seg(id)}`, { body: changes });
  }

  removeAssignment(id) {
    return this.rest.request('DELETE', `/assignments/${seg(id)}`);
  }

  /** One's own, or all for whoever teaches the course. An assignment itself says in brief what one handed in. */
  submissions(assignmentId, query = {}) {
    return this.rest.request('GET', `/assignments/${seg(assignmentId)}/submissions`, { query });
  }

  submission(id) {
    return this.rest.request('GET', `/submissions/${seg(id)}`);
  }

  /** @param {import('./types.js').Block} content */
  submit(assignmentId, content) {
    return this.rest.request('POST', `/assignments/${seg(assignmentId)}/submissions`, { body: { content } });
  }

  /** Until the deadline; a grade goes with what is replaced. */
  resubmit(submissionId, content) {
    return this.rest.request('PATCH', `/submissions/${seg(submissionId)}`, { body: { content } });
  }

  /** @param {{score: number, feedback?: string, timestamp?: string}} grade `score` of 100; `timestamp` of the submission as it was read */
  grade(submissionId, grade, { ifMatch } = {}) {
    return this.rest.request('PUT', `/submissions/${seg(submissionId)}/grade`, { body: grade, ifMatch });
  }

  clip(id) {
    return this.rest.request('GET', `/clips/${seg(id)}`);
  }
}
