import { ChatLog } from '/web/sdk/chatlog.js';
import { Outbox } from '/web/sdk/outbox.js';
import { SdkError } from '/web/sdk/errors.js';
import { check, equal, until } from './expect.js';

const message = (sequence, clientId = null) => ({ id: `m${sequence}`, sequence, clientId, content: `text ${sequence}` });
const sequences = (log) => log.messages.map((each) => each.sequence);

check('messages stand in the order of their sequence, each once', () => {
  const log = new ChatLog();
  log.enter({ messages: [message(1), message(2)], lastSequence: 2 });
  equal([log.add(message(5)), log.add(message(3)), log.add(message(5)), log.add(message(4))], [true, true, false, true]);
  equal(sequences(log), [1, 2, 3, 4, 5]);
});

check('a missing number is a hole until it comes', () => {
  const log = new ChatLog();
  log.enter({ messages: [message(1)], lastSequence: 1 });
  log.add(message(4));
  equal(log.holes(), [{ after: 1, before: 4 }]);
  equal(log.contiguous, 1, 'only what is certain may be claimed in since');
  log.merge([message(2), message(3)]);
  equal(log.holes(), []);
  equal(log.contiguous, 4);
});

check('older history is no hole, and can be put in front', () => {
  const log = new ChatLog();
  log.enter({ messages: [message(101), message(102)], lastSequence: 102 });
  equal([log.floor, log.holes(), log.contiguous], [100, [], 102]);
  log.prepend([message(99), message(100)], false);
  equal([log.floor, sequences(log), log.contiguous], [98, [99, 100, 101, 102], 102]);
  log.prepend([], true);
  equal(log.floor, 0);
});

check('what the server has beyond the last message is a hole', () => {
  const log = new ChatLog();
  log.enter({ messages: [message(1)], lastSequence: 1 });
  log.enter({ messages: [message(2), message(3)], lastSequence: 7 });
  equal(log.holes(), [{ after: 3, before: 8 }]);
});

check('an empty chat starts at nothing', () => {
  const log = new ChatLog();
  log.enter({ messages: [], lastSequence: 0 });
  equal([log.floor, log.contiguous, log.holes()], [0, 0, []]);
  log.add(message(1));
  equal(log.contiguous, 1);
});

const passing = () => { throw new SdkError('disconnected', 'away'); };
const refusing = () => { throw new SdkError('invalid', 'too long'); };

check('a message is sent with the same clientId until it is acknowledged', async () => {
  const tries = [];
  const answers = [passing, passing, ({ clientId }) => ({ message: message(1, clientId) })];
  const outbox = new Outbox({ send: async (payload) => { tries.push(payload.clientId); return answers.shift()(payload); }, wait: async () => {} });
  const stored = await outbox.add({ content: 'hello' });
  equal(tries, Array(3).fill(stored.clientId));
  equal(outbox.pending, []);
});

check('messages go out in the order of writing, one at a time', async () => {
  const sent = [];
  let underWay = 0;
  const outbox = new Outbox({ wait: async () => {}, send: async ({ content, clientId }) => {
    underWay += 1;
    equal(underWay, 1, 'sends at once');
    await new Promise((resolve) => setTimeout(resolve, 1));
    underWay -= 1;
    sent.push(content);
    if (sent.length === 1) passing();
    return { message: message(sent.length, clientId) };
  } });
  await Promise.all(['a', 'b', 'c'].map((content) => outbox.add({ content })));
  equal(sent, ['a', 'a', 'b', 'c']);
});

check('a refused message stays visible and does not block the next', async () => {
  const outbox = new Outbox({ wait: async () => {}, send: async ({ content, clientId }) => (content === 'bad' ? refusing() : { message: message(1, clientId) }) });
  const refused = outbox.add({ content: 'bad' }).catch((error) => error.code);
  await outbox.add({ content: 'good' });
  equal(await refused, 'invalid');
  equal(outbox.pending.map((each) => [each.content, each.failed.code]), [['bad', 'invalid']]);
  outbox.drop(outbox.pending[0].clientId);
  equal(outbox.pending, []);
});

check('a message that was sent too fast is kept, marked and sent again when the server says', async () => {
  const waits = [];
  const answers = [new SdkError('too_many', 'too fast', { retryAfterS: 0.7 }), null];
  const seen = [];
  const outbox = new Outbox({
    send: async ({ clientId }) => { const refusal = answers.shift(); if (refusal) throw refusal; return { message: message(1, clientId) }; },
    wait: async (ms) => { waits.push(ms); },
  });
  outbox.on('change', () => seen.push(outbox.pending.map((each) => each.slowed)));
  equal((await outbox.add({ content: 'hello' })).content, 'text 1');
  equal(waits, [700]);
  equal(seen, [[false], [true], []]);
});

check('a closed outbox stops trying', async () => {
  let tries = 0;
  const outbox = new Outbox({ send: async () => { tries += 1; return passing(); }, wait: async () => { outbox.close(); } });
  outbox.add({ content: 'x' });
  await until(() => !outbox.flushing, 'the end of flushing');
  equal(tries, 1);
});
