import { sentence } from '/web/app/sentences.js';
import { DeviceTokens } from '/web/sdk/devicetokens.js';
import { SdkError } from '/web/sdk/errors.js';
import { check, equal } from './expect.js';

const memory = () => {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
};
const ada = { userId: '1', username: 'Ada', email: 'Ada@example.org' };

check('a token is found by username and email in any case, also after a reload', () => {
  const storage = memory();
  new DeviceTokens(storage).learn({ ...ada, token: 't1' });
  for (const login of ['ada', ' ADA ', 'ada@EXAMPLE.org']) equal(new DeviceTokens(storage).find(login), 't1');
  equal(new DeviceTokens(storage).find('eve'), undefined);
});

check('an answer without a token keeps the old one and learns new names', () => {
  const devices = new DeviceTokens();
  devices.learn({ ...ada, token: 't1' });
  devices.learn({ ...ada, username: 'Countess', token: null });
  equal([devices.find('countess'), devices.find('ada')], ['t1', undefined]);
  devices.learn({ ...ada, token: 't2' });
  equal(devices.find('ada'), 't2');
});

check('an account without a token is not kept', () => {
  const devices = new DeviceTokens();
  devices.learn(ada);
  equal(devices.kept, []);
});

check('the accounts used last are kept, and a broken storage does no harm', () => {
  const storage = memory();
  storage.setItem('mediaserver.devices', '{');
  const devices = new DeviceTokens(storage);
  for (let n = 0; n < 25; n += 1) devices.learn({ userId: `${n}`, username: `person${n}`, token: `t${n}` });
  equal([devices.find('person4'), devices.find('person5'), devices.kept.length], [undefined, 't5', 20]);
});

check('waiting is told in seconds or minutes', () => {
  const told = (retryAfterS) => sentence(new SdkError('too_many', 'x', { status: 429, retryAfterS }));
  equal([told(1), told(32), told(61)], ['Too many attempts. Try again in 1 second.', 'Too many attempts. Try again in 32 seconds.', 'Too many attempts. Try again in 2 minutes.']);
  equal(sentence(new SdkError('too_many', 'x')), 'That was too fast. Wait a moment and try again.');
});
