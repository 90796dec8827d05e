import { dateTime, initials, since } from '/web/app/format.js';
import { fieldSentence, sentence } from '/web/app/sentences.js';
import { check, equal } from './expect.js';

const now = new Date(2026, 4, 5, 12, 0);
const at = (...when) => new Date(...when).toISOString();

check('a day of another year names its year', () => {
  equal(dateTime(at(2030, 4, 5, 10), now).includes('2030'), true);
  equal(dateTime(at(2026, 6, 9, 10), now).includes('2026'), false);
  equal(dateTime(at(2026, 4, 6, 10), now).startsWith('Tomorrow'), true);
});

check('since today needs no day', () => {
  equal(since(at(2026, 4, 5, 10), now).includes('Today'), false);
  equal(since(at(2026, 4, 4, 10), now).startsWith('Yesterday'), true);
  equal(since(null, now), '');
});

check('errors are sentences, never patterns', () => {
  equal(fieldSentence('username', "string should match pattern '^x$'"), 'Use letters, digits, dots, hyphens and underscores, and no spaces.');
  equal(fieldSentence('password', 'string should have at least 8 characters'), 'Password needs at least 8 characters.');
  equal(sentence({ code: 'username_taken', errors: [{ loc: 'username', msg: 'is taken' }] }), 'Username is taken.');
  equal(sentence({ message: 'the name or the password is wrong' }), 'The name or the password is wrong.');
});

check('initials are letters in every script', () => {
  equal(['Anna-Lena', 'שלום', '…'].map(initials), ['AL', 'ש', '?']);
});
