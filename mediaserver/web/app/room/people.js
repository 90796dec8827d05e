/** The list of participants, with what a moderator may do about each. */
import { h, redraw } from '../dom.js';
import { icon } from '../icons.js';
import { menuOf } from '../menu.js';
import { avatar, confirmDialog } from '../parts.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';

/** @param {import('../../sdk/index.js').Session} session */
export function peoplePanel(session) {
  const list = h('ul', { class: 'people' });
  let drawn = '';
  const draw = () => {
    const people = [...session.room.participants.values()];
    const state = JSON.stringify([people, session.isModerator, session.room.session?.type, [...session.room.tracks.keys()]]);
    if (state === drawn || list.querySelector('[popover]:popover-open')) return;
    drawn = state;
    people.sort((a, b) => Number(b.handRaised) - Number(a.handRaised) || Number(b.role === 'moderator') - Number(a.role === 'moderator')
      || a.username.localeCompare(b.username, undefined, { numeric: true }));
    redraw(list, people.map((person) => row(session, person, draw)));
  };
  session.on('participants', draw);
  draw();
  return { title: 'People', element: list, opened: draw };
}

function row(session, person, redraw) {
  const me = person.id === session.participantId;
  const details = [person.role === 'moderator' && 'Moderator', !person.canPublish && 'Listener', person.connection === 'reconnecting' && 'Reconnecting…'];
  return h('li', { class: 'person' }, avatar(person.username, { size: 'small', imageUrl: person.profileImageUrl }),
    h('div', { class: 'person-text' }, h('span', { class: 'person-name', text: me ? `${person.username} (you)` : person.username }),
      h('span', { class: 'hint', text: details.filter(Boolean).join(' · ') })),
    person.handRaised && sign('hand', 'Hand raised', 'hand'),
    person.castScreen && sign('screen', 'Shares the screen'),
    person.canPublish && sign(person.mute ? 'micOff' : 'mic', person.mute ? 'Muted' : 'Microphone on'),
    session.isModerator && !me && actionsFor(session, person).length > 0 && menu(session, person, redraw));
}

function sign(symbol, label, name = '') {
  const element = h('span', { class: `sign ${name}`, role: 'img', 'aria-label': label, title: label });
  element.append(icon(symbol, 18));
  return element;
}

function menu(session, person, closed) {
  const button = h('button', { class: 'icon-button', 'aria-label': `Actions for ${person.username}`, type: 'button' }, icon('more'));
  return h('span', {}, button, menuOf(button, () => actionsFor(session, person), closed));
}

function actionsFor(session, person) {
  const broadcast = session.room.session?.type === 'broadcast';
  const act = (action) => session.moderate(person.id, action).catch((error) => toast(sentence(error), { error: true }));
  const item = (action, symbol, label) => ({ symbol, label, run: () => act(action) });
  return [
    !person.mute && person.canPublish && item('mute', 'micOff', 'Mute'),
    person.videoVisible && session.room.trackOf(person.id, 'camera') && item('hideVideo', 'cameraOff', 'Turn camera off'),
    session.room.trackOf(person.id, 'screen') && item('stopScreen', 'screen', 'Stop screen'),
    person.handRaised && item('lowerHand', 'hand', 'Lower hand'),
    broadcast && !person.canPublish && item('promote', 'live', 'Bring on stage'),
    broadcast && person.canPublish && person.role !== 'moderator' && item('demote', 'people', 'Back to audience'),
    person.role !== 'moderator' && { symbol: 'leave', label: 'Remove from session', danger: true, run: () => remove(person, act) },
  ].filter(Boolean);
}

async function remove(person, act) {
  const sure = await confirmDialog({ title: `Remove ${person.username}?`, text: 'They cannot come back into this session.', confirm: 'Remove' });
  if (sure) await act('remove');
}
