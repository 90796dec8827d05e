import { LastWanted } from '/web/sdk/lastwanted.js';
import { REACTIONS, obey } from '/web/sdk/reactions.js';
import { actionButton, switchButton } from '/web/app/switches.js';
import { submitting } from '/web/app/parts.js';
import { menuOf } from '/web/app/menu.js';
import { LocalMedia } from '/web/app/room/localmedia.js';
import { h, redraw } from '/web/app/dom.js';
import { moved } from '/web/app/views/organizer.js';
import { check, equal, until } from './expect.js';

/** A server with one flag; every request waits for `answer()` or `refuse()`. */
function slowServer(value = false) {
  const server = { value, sent: [], open: [] };
  server.send = (wanted) => new Promise((resolve, reject) => {
    server.sent.push(wanted);
    server.open.push({ wanted, resolve, reject });
  });
  const next = async () => {
    await until(() => server.open.length > 0, 'a request');
    return server.open.shift();
  };
  server.answer = async () => {
    const { wanted, resolve } = await next();
    server.value = wanted;
    resolve();
    await Promise.resolve();
  };
  server.refuse = async () => {
    (await next()).reject(new Error('refused'));
    await Promise.resolve();
  };
  return server;
}

const switchOn = (server, more = {}) => new LastWanted({ current: () => server.value, send: server.send, ...more });

check('the newest wish is sent after the request that is under way', async () => {
  const server = slowServer();
  const state = switchOn(server);
  const done = state.toggle();
  equal([server.sent, state.value, state.busy], [[true], true, true], 'sent within the call, shown at once');
  state.toggle();
  state.toggle();
  state.toggle();
  equal([server.sent, state.value], [[true], false], 'nothing else is sent meanwhile');
  await server.answer();
  await server.answer();
  await done;
  equal([server.sent, server.value, state.value, state.busy], [[true, false], false, false, false]);
});

check('an even number of changes sends nothing more', async () => {
  const server = slowServer();
  const state = switchOn(server);
  const done = state.want(true);
  state.want(false);
  state.want(true);
  await server.answer();
  await done;
  equal([server.sent, state.value], [[true], true]);
});

check('wanting what is true sends nothing', async () => {
  const server = slowServer(true);
  await switchOn(server).want(true);
  equal(server.sent, []);
});

check('a refusal shows again what is true, and is reported once', async () => {
  const server = slowServer();
  const failures = [];
  const seen = [];
  const state = switchOn(server, { failed: (error) => failures.push(error.message), changed: () => seen.push(state.value) });
  const done = state.toggle();
  await server.refuse();
  await done;
  equal([state.value, state.busy, failures, seen], [false, false, ['refused'], [true, false]]);
});

check('after a refusal the newest wish is sent even if it looks true', async () => {
  const server = slowServer();
  const failures = [];
  const state = switchOn(server, { failed: (error) => failures.push(error.message) });
  const done = state.toggle();
  state.toggle();
  await server.refuse();
  await server.answer();
  await done;
  equal([server.sent, failures, state.value], [[true, false], [], false]);
});

check('what changes elsewhere shows while nothing is under way', () => {
  const server = slowServer();
  const state = switchOn(server);
  server.value = true;
  equal(state.value, true);
});

check('a switch button counts every click, stays enabled and keeps the focus', async () => {
  const server = slowServer();
  const button = h('button', {});
  document.body.append(button);
  const labels = [];
  switchButton(button, { current: () => server.value, send: server.send, draw: (on) => labels.push(on) });
  button.focus();
  button.click();
  button.click();
  equal([button.getAttribute('aria-pressed'), button.getAttribute('aria-busy'), button.disabled], ['false', 'true', false]);
  await server.answer();
  await server.answer();
  await until(() => !button.hasAttribute('aria-busy'));
  equal([server.sent, labels.at(-1), document.activeElement === button], [[true, false], false, true]);
  button.remove();
});

check('an action button does nothing twice at a time, and works again after a failure', async () => {
  document.body.append(h('div', { id: 'toasts' }));
  const server = slowServer();
  const button = actionButton(h('button', {}), () => server.send(true));
  button.click();
  button.click();
  equal(server.sent, [true]);
  await server.refuse();
  await until(() => !button.hasAttribute('aria-busy'));
  button.click();
  equal(server.sent, [true, true]);
  document.getElementById('toasts').remove();
});

check('a form is submitted once, however often Enter is pressed', async () => {
  const server = slowServer();
  const error = h('p', {});
  const input = h('input', { name: 'title', value: 'x' });
  const form = h('form', {}, input, h('button', { type: 'submit' }), error);
  document.body.append(form);
  submitting(form, error, () => server.send(true));
  input.focus();
  for (let i = 0; i < 3; i += 1) form.requestSubmit();
  equal(server.sent, [true]);
  await server.refuse();
  await until(() => error.textContent !== '');
  form.requestSubmit();
  equal([server.sent.length, document.activeElement === input], [2, true]);
  form.remove();
});

check('an error does not take the focus from the field that somebody writes in', async () => {
  const server = slowServer();
  const [title, text] = ['title', 'text'].map((name) => h('input', { name }));
  const error = h('p', {});
  const form = h('form', {}, title, text, h('button', { type: 'submit' }), error);
  document.body.append(form);
  submitting(form, error, () => server.send(true).catch(() => { throw Object.assign(new Error('bad'), { errors: [{ loc: 'title', msg: 'too short' }] }); }));
  title.focus();
  form.requestSubmit();
  text.focus();
  await server.refuse();
  await until(() => title.getAttribute('aria-invalid') === 'true');
  equal(document.activeElement === text, true);
  form.remove();
});

check('a menu has the focus when the click event ends', () => {
  const ran = [];
  const button = h('button', { 'aria-label': 'More' });
  const menu = menuOf(button, () => ['first', 'last'].map((label) => ({ label, symbol: 'more', run: () => ran.push(label) })));
  const place = h('div', {}, button, menu);
  document.body.append(place);
  button.focus();
  button.click();
  equal(document.activeElement.textContent, 'first');
  document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
  equal(document.activeElement.textContent, 'last');
  document.activeElement.click();
  equal([ran, document.activeElement === button, menu.matches(':popover-open')], [['last'], true, false]);
  button.click();
  button.click();
  equal(menu.matches(':popover-open'), false, 'the button closes its menu, too');
  place.remove();
});

/** As much of a session as own media need; the server answers when it is told to. */
function fakeSession() {
  const server = slowServer();
  const publications = new Map();
  const session = {
    me: { canPublish: true, mute: false, videoVisible: true }, media: { publications }, server,
    on: () => () => {},
    publish: async (source, track) => { publications.set(source, { track }); },
    replaceTrack: async () => {},
    update: async () => {},
    setMuted: (mute) => server.send(mute),
    setVideoVisible: (visible) => server.send(visible),
  };
  return session;
}

check('the microphone is silent at once, and the last of several key presses counts', async () => {
  const local = new LocalMedia();
  const session = fakeSession();
  await local.openMicrophone();
  await local.attach(session);
  equal(local.switches.microphone.value, true);
  local.toggleMicrophone();
  equal([local.microphone.enabled, session.server.sent], [false, [true]]);
  const done = local.toggleMicrophone();
  equal([local.switches.microphone.value, local.microphone.enabled], [true, false], 'shown at once, heard when the server knows');
  await session.server.answer();
  await session.server.answer();
  await done;
  equal([session.server.sent, local.muted, local.microphone.enabled], [[true, false], false, true]);
  local.toggleMicrophone();
  await session.server.answer();
  const refused = local.toggleMicrophone();
  await session.server.refuse();
  await refused;
  equal([local.switches.microphone.value, local.microphone.enabled], [false, false], 'unmuting failed');
  local.close();
});

check('a camera that is switched off while it starts is off in the end', async () => {
  const local = new LocalMedia();
  const session = fakeSession();
  await local.attach(session);
  local.toggleCamera();
  const done = local.toggleCamera();
  equal(local.switches.camera.value, false);
  await session.server.answer();
  await done;
  equal([local.cameraOn, session.server.sent.at(-1)], [false, false]);
  local.close();
});

check('what events say of me is older than what I asked for and is not answered yet', () => {
  const track = { enabled: true };
  const session = { participantId: 'p1', wishes: { mute: false }, updating: 1, media: { publications: new Map([['microphone', { track }]]) } };
  const muted = { id: 'p1', mute: true };
  REACTIONS['participant.updated'].call(session, { participant: muted });
  equal([track.enabled, session.wishes.mute], [true, false]);
  session.updating = 0;
  REACTIONS['participant.updated'].call(session, { participant: muted });
  equal([track.enabled, session.wishes.mute], [false, true], 'a moderator muted me');
  session.wishes = { handRaised: true };
  obey(session, { id: 'p1', mute: false, handRaised: false });
  equal([session.wishes, track.enabled], [{ handRaised: false }, false], 'nobody else turns my microphone on');
});

check('content that is drawn anew leaves the focus on the control of the same name', () => {
  const place = h('div', {});
  document.body.append(place);
  const rows = () => ['a', 'b'].map((name) => h('button', { 'aria-label': `More about ${name}` }));
  redraw(place, rows());
  place.lastElementChild.focus();
  redraw(place, rows());
  equal(document.activeElement === place.lastElementChild, true);
  document.activeElement.blur();
  redraw(place, rows());
  equal(document.activeElement === document.body, true, 'it is not taken from elsewhere');
  place.remove();
});

check('moves follow each other', () => {
  const ids = ['a', 'b', 'c'];
  equal(moved(moved(ids, 'a', 1), 'a', 1), ['b', 'c', 'a']);
  equal([moved(ids, 'a', -1), moved(ids, 'c', 1), moved(ids, 'c', -1)], [['a', 'b', 'c'], ['a', 'b', 'c'], ['a', 'c', 'b']]);
});
