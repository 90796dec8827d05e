/** Notifications in sentences, and where they lead. */
import { plural } from './format.js';

const path = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;

/** By type: what people did (after their names) or what happened, where it is, the picture beside it. */
const TYPES = {
  followed: { did: () => 'now follow you', one: () => 'now follows you', at: (c) => c.actors[0] && path('people', c.actors[0].id), symbol: 'follow' },
  liked: { did: (c) => `liked your ${c.commentId ? 'comment' : 'tweet'}`, at: tweet, symbol: 'heart' },
  commented: { did: () => 'commented on your tweet', at: tweet, symbol: 'chat' },
  mentioned: { did: (c) => `mentioned you in a ${c.commentId ? 'comment' : 'tweet'}`, at: tweet, symbol: 'user' },
  message: { did: (c) => (c.count > 1 ? `sent you ${plural(c.count, 'message')}` : 'wrote to you'), at: (c) => c.actors[0] && path('messages', c.actors[0].id), symbol: 'mail' },
  'session-starting': { happened: (c) => `${named(c, 'A session')} begins`, at: (c) => path('room', c.sessionKind ?? 'video', c.sessionId), symbol: 'camera' },
  'assignment-posted': { happened: (c) => `There is a new assignment${c.title ? `: ${c.title}` : ''}`, at: assignment, symbol: 'task' },
  submitted: { did: (c) => `handed in ${c.title ? `“${c.title}”` : 'an assignment'}`, at: assignment, symbol: 'task' },
  graded: { happened: (c) => `Your work${c.title ? ` on “${c.title}”` : ''} was graded`, at: assignment, symbol: 'star' },
  'recording-ready': { happened: (c) => `The recording of ${c.title ? `“${c.title}”` : 'a session'} is ready`, at: (c) => path('recordings', c.sessionKind ?? 'video', c.sessionId), symbol: 'play' },
};

function tweet(content) {
  return content.tweetId ? path('tweets', content.tweetId) : null;
}

function assignment(content) {
  if (content.assignmentId) return path('assignments', content.assignmentId);
  if (content.lessonId) return path('lessons', content.lessonId);
  return content.courseId ? path('courses', content.courseId) : null;
}

const named = (content, otherwise) => (content.title ? `“${content.title}”` : otherwise);

/**
 * @param {import('../sdk/types.js').Notification} notification
 * @returns {{people: import('../sdk/types.js').Person[], others: number, did: string, href: string, symbol: string, quote: string}}
 *   `people` are to be named (at most two), then `others` more of them, then what they did
 */
export function notice({ content }) {
  const type = TYPES[content.type] ?? { happened: () => 'Something happened', at: () => null, symbol: 'bell' };
  const href = type.at(content) ?? '#/notifications';
  if (type.happened) return { people: [], others: 0, did: `${type.happened(content)}.`, href, symbol: type.symbol, quote: content.text ?? '' };
  const people = content.actors.slice(0, content.actorCount > 2 ? 1 : 2);
  const did = (people.length === 1 && content.actorCount === 1 && type.one) || type.did;
  return { people, others: Math.max(0, content.actorCount - people.length), did: `${did(content)}.`, href, symbol: type.symbol, quote: content.text ?? '' };
}

/** `ada and 2 others liked your tweet.` */
export function noticeText(notification) {
  const { people, others, did } = notice(notification);
  const names = people.map(({ username }) => username);
  if (others) names.push(plural(others, 'other'));
  return names.length ? `${names.join(' and ')} ${did}` : did;
}
