/** Errors in plain sentences: what happened and what one can do. */

const DEVICES = { microphone: 'microphone', camera: 'camera', screen: 'screen' };

const BY_CODE = {
  not_started: 'The session has not started yet.',
  ended: 'This session is over.',
  deleted: 'This session was deleted.',
  room_full: 'This session is full. Try again when somebody has left.',
  removed: 'The moderator removed you from this session.',
  forbidden: 'You may not do that.',
  unenrolled: 'You do not take this course any more.',
  not_found: 'This does not exist any more.',
  another_tab: 'You joined this session in another tab or on another device.',
  deactivated: 'Your account was deactivated.',
  login_revoked: 'You were signed out.',
  unauthenticated: 'Please sign in again.',
  too_many: 'That was too fast. Wait a moment and try again.',
  too_many_connections: 'You have too many connections open. Close other tabs and try again.',
  codec_unsupported: 'This browser cannot send the video format of this session.',
  not_allowed: 'You may not publish this here.',
  track_limited: 'You send more than this server allows, so a part of it is lost for the others.',
  track_ended: 'You sent more than this server allows for too long, so it was switched off for everyone.',
  media_unavailable: 'The media server is starting again. This takes a moment.',
  already_recording: 'This session is already being recorded.',
  recording_quota_exceeded: 'Your recordings take up all the space that they may. Delete some, then record again.',
  confirmation_required: 'Confirm this device by mail first, then sign in.',
  email_unverified: 'Confirm your email address first: open the link that we mailed to you.',
  email_verified: 'Your email address is confirmed already.',
  registration_closed: 'Registration is closed on this server. Ask its operator for an account.',
  removed_from_course: 'The instructor removed you from this course. Ask them to readmit you.',
  link_over: 'This link was used already or is too old. Ask for a new one.',
  wrong_login: 'The name or the password is wrong.',
  reset_over: 'This link was used already or is too old. Ask for a new one.',
  password_changed: 'The password was changed by somebody else meanwhile.',
  report_exists: 'You reported this before.',
  not_oneself: 'Not yourself.',
  blocked: 'You have blocked this person.',
  inactive: 'This account is not active any more.',
  not_enrolled: 'This is for those who take the course.',
  not_open: 'This course takes no enrollments yet.',
  enrollment_exists: 'You take this course already.',
  own_course: 'You teach this course.',
  changed: 'Somebody else changed this meanwhile. Load it anew, then change it.',
  replaced: 'Something else was handed in meanwhile: reload to see it.',
  deadline_passed: 'The deadline is over.',
  already_submitted: 'You handed this in already.',
  quota_exceeded: 'You have no room left for files. Delete some first.',
  too_large: 'This file is too large.',
  too_many_uploads: 'You have too many uploads under way. Wait until one has finished.',
  upload_displaced: 'The server is busy, and somebody else needed a place. Upload this file again in a moment.',
  too_slow: 'The upload was too slow. Check your connection and try again.',
  disk_reserve: 'The server is short of disk space and takes no files now. Try again later.',
  export_displaced: 'The server is busy, and somebody else needed a place. Try again in a moment.',
  too_many_exports: 'Your data is being collected already. Wait until that is done.',
  not_recording: 'This session is not being recorded.',
};

/** Errors about media whose `errors` name no fields of a form. */
const WHOLE = new Set(['codec_unsupported', 'track_limited']);

/** What to tell about an error of the server or the network. */
export function sentence(error) {
  // What is in the way of something is no field of a form: the whole sentence says it.
  if (error?.errors?.length && error.status !== 409 && !WHOLE.has(error.code)) {
    return error.errors.map(({ loc, msg }) => fieldSentence(loc, msg)).join(' ');
  }
  if (error?.code === 'too_many' && error.retryAfterS > 0) return `Too many attempts. Try again in ${duration(error.retryAfterS)}.`;
  return BY_CODE[error?.code] ?? asSentence(error?.message || 'Something went wrong.');
}

/** Fields whose names are several words. */
const NAMES = { followingUserId: 'This person', currentPassword: 'This', newPassword: 'The new password', courseCode: 'The code', deadline: 'The deadline', q: 'A search' };

/** What is wrong with one field: the server's words go on after its name. */
export function fieldSentence(loc, msg) {
  const name = NAMES[String(loc).split('.').pop()] ?? String(loc).split('.').pop();
  return asSentence(`${capital(name)} ${msg}`);
}

/** Whole seconds or minutes, rounded up. */
function duration(seconds) {
  const [count, unit] = seconds < 60 ? [Math.ceil(seconds), 'second'] : [Math.ceil(seconds / 60), 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const asSentence = (text) => capital(/[.!?…]$/.test(text) ? text : `${text}.`);

const RECORDING = {
  'recording.started': 'This session is being recorded.',
  'recording.stopped': 'The recording was stopped and is being prepared.',
  'recording.ready': 'The recording is ready to watch.',
  'recording.failed': 'The recording failed.',
};

/** What to tell about a `recording.*` event. */
export function recordingSentence(event, { recording, reason }) {
  if (event === 'recording.warning') {
    return recording.warning
      ? `The server is short of disk space: this recording will stop at ${clockTime(recording.warning.endsAt)}.`
      : 'There is enough disk space again: the recording goes on.';
  }
  if (event === 'recording.stopped' && reason !== 'stopped') {
    return 'The recording was stopped because the server is short of disk space. What was recorded is kept.';
  }
  return RECORDING[event];
}

/** A time of day with seconds. */
export const clockTime = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const reasonSentence = (reason) => BY_CODE[reason] ?? 'The session ended for you.';

/** What to tell when a device cannot be had. @param {'microphone' | 'camera' | 'screen'} device */
export function deviceSentence(error, device) {
  const name = DEVICES[device];
  if (!window.isSecureContext) {
    return `Browsers give the ${name} only to pages over HTTPS (or on this computer). Ask for an https:// address.`;
  }
  const by = {
    NotAllowedError: `The ${name} is blocked. Allow it in the address bar of your browser, then try again.`,
    NotFoundError: `No ${name} was found. Plug one in, then try again.`,
    OverconstrainedError: `The chosen ${name} is not there any more. Choose another one.`,
    NotReadableError: `The ${name} is used by another program. Close it there, then try again.`,
  };
  return by[error?.name] ?? `The ${name} could not be started.`;
}
