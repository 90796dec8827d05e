import { ago, dateTime, deviceName, hours, initials, since } from '/web/app/format.js';
import { fieldSentence, recordingSentence, sentence } from '/web/app/sentences.js';
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
  equal(fieldSentence('email', 'must be an email address such as ada@example.org'), 'Email must be an email address such as ada@example.org.');
  equal(fieldSentence('password', 'must have at least 8 characters'), 'Password must have at least 8 characters.');
  equal(sentence({ code: 'username_taken', errors: [{ loc: 'username', msg: 'is taken' }] }), 'Username is taken.');
  equal(sentence({ code: 'wrong_password', errors: [{ loc: 'currentPassword', msg: 'is wrong' }] }), 'This is wrong.');
  equal(fieldSentence('newPassword', 'must not be the username or the email'), 'The new password must not be the username or the email.');
  equal(sentence({ message: 'the name or the password is wrong' }), 'The name or the password is wrong.');
  // `busy` has many reasons, and only the server knows which one it is.
  equal(sentence({ code: 'busy', message: 'a recording is still being made; try again when it is ready' }), 'A recording is still being made; try again when it is ready.');
});

check('devices are called what people call them', () => {
  const agents = [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
    'Python/3.11 aiohttp/3.14', '',
  ];
  equal(agents.map(deviceName), ['Firefox on Linux', 'Edge on Windows', 'Safari on iPhone', 'Chrome on Android', 'Python', 'Unknown device']);
});

check('initials are letters in every script', () => {
  equal(['Anna-Lena', 'שלום', '…'].map(initials), ['AL', 'ש', '?']);
});

check('how long ago is short', () => {
  equal([at(2026, 4, 5, 11, 59, 40), at(2026, 4, 5, 11, 57), at(2026, 4, 5, 7), at(2026, 1, 5)].map((each) => ago(each, now)).slice(0, 3), ['now', '3 min', '5 h']);
  equal(ago(at(2025, 1, 5), now).includes('2025'), true);
  equal([45, 60, 200].map(hours), ['45 min', '1 h', '3 h 20 min']);
});

check('a recording that the disk ends says why', () => {
  const warning = { reason: 'disk_reserve', endsAt: at(2026, 4, 5, 12, 1, 30) };
  equal(recordingSentence('recording.warning', { recording: { warning } }).includes('short of disk space'), true);
  equal(recordingSentence('recording.warning', { recording: { warning } }).includes('01:30'), true);
  equal(recordingSentence('recording.warning', { recording: { warning: null } }), 'There is enough disk space again: the recording goes on.');
  equal(recordingSentence('recording.stopped', { recording: {}, reason: 'disk_reserve' }).includes('short of disk space'), true);
  equal(recordingSentence('recording.stopped', { recording: {}, reason: 'stopped' }), 'The recording was stopped and is being prepared.');
});
