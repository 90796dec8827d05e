import { Emitter } from '/web/sdk/emitter.js';
import { SdkError } from '/web/sdk/errors.js';
import { Seat } from '/web/sdk/seat.js';
import { check, equal } from './expect.js';

/** A connection whose answers the check decides; `ask` is the request that waits. */
class Line extends Emitter {
  connected = false;
  asked = 0;
  open() {}
  close() { this.connected = false; }
  request(event, payload) {
    this.asked += 1;
    return new Promise((resolve, reject) => { this.ask = { event, payload, resolve, reject }; });
  }
  up() { this.connected = true; this.emit('up'); }
  down() { this.connected = false; this.emit('down'); }
}

const turn = () => new Promise((done) => setTimeout(done));

function seated() {
  const line = new Line();
  const told = [];
  const owner = {
    since: () => undefined,
    take: ({ name }) => { told.push(`take ${name}`); return () => told.push('react'); },
    settle: async (_, returned) => { told.push(returned ? 'settle again' : 'settle'); },
    heard: (event) => told.push(event),
  };
  const seat = new Seat({ connection: line, owner });
  seat.on('state', (state) => told.push(state));
  seat.on('out', ({ reason }) => told.push(`out: ${reason}`));
  return { line, seat, told };
}

async function joined() {
  const { line, seat, told } = seated();
  const opening = seat.open({ kind: 'video', sessionId: 's' });
  line.up();
  await turn();
  line.ask.resolve({ name: 'first' });
  await opening;
  told.length = 0;
  return { line, seat, told };
}

check('what arrives before the join is answered is told after it', async () => {
  const { line, seat, told } = seated();
  const opening = seat.open({ kind: 'video', sessionId: 's' });
  line.up();
  await turn();
  equal(line.ask.payload, { kind: 'video', sessionId: 's' });
  line.emit('event', { event: 'early', data: {}, ack: null });
  equal(told, ['connecting']);
  line.ask.resolve({ name: 'first' });
  await opening;
  equal(told, ['connecting', 'take first', 'joined', 'react', 'early', 'settle']);
});

check('a lost connection is joined again', async () => {
  const { line, told } = await joined();
  line.down();
  line.up();
  line.ask.resolve({ name: 'second' });
  await turn();
  equal(told, ['reconnecting', 'take second', 'joined', 'react', 'settle again']);
});

check('a refusal for good is the end, told once', async () => {
  const { line, seat, told } = await joined();
  line.down();
  line.up();
  line.ask.reject(new SdkError('removed', 'gone'));
  await turn();
  seat.out('ended');
  equal(told, ['reconnecting', 'left', 'out: removed']);
});

check('a join that is refused throws', async () => {
  const { line, seat } = seated();
  let code = null;
  const opening = seat.open({ kind: 'video', sessionId: 's' }).catch((error) => { code = error.code; });
  line.emit('refused', { code: 'unauthenticated', message: 'who?' });
  await opening;
  equal([code, seat.state], ['unauthenticated', 'left']);
});
