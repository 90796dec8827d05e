/** The list of participants, with what a moderator may do about each. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
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
      || a.username.localeCompare(b.username));
    fill(list, people.map((person) => row(session, person)));
  };
  session.on('participants', draw);
  draw();
  return { title: 'People', element: list, opened: draw };
}

function row(session, person) {
  const me = person.id === session.participantId;
  const details = [person.role === 'moderator' && 'Moderator', !person.canPublish && 'Listener', person.connection === 'reconnecting' && 'Reconnecting…'];
  return h('li', { class: 'person' }, avatar(person.username, { size: 'small', imageUrl: person.profileImageUrl }),
    h('div', { class: 'person-text' }, h('span', { class: 'person-name', text: me ? `${person.username} (you)` : person.username }),
      h('span', { class: 'hint', text: details.filter(Boolean).join(' · ') })),
    person.handRaised && sign('hand', 'Hand raised', 'hand'),
    person.castScreen && sign('screen', 'Shares the screen'),
    person.canPublish && sign(person.mute ? 'micOff' : 'mic', person.mute ? 'Muted' : 'Microphone on'),
    session.isModerator && !me && menu(session, person));
}

function sign(symbol, label, name = '') {
  const element = h('span', { class: `sign ${name}`, role: 'img', 'aria-label': label, title: label });
  element.append(icon(symbol, 18));
  return element;
}

function menu(session, person) {
  const broadcast = session.room.session?.type === 'broadcast';
  const items = [
    !person.mute && person.canPublish && ['mute', 'micOff', 'Mute'],
    person.videoVisible && session.room.trackOf(person.id, 'camera') && ['hideVideo', 'cameraOff', 'Turn camera off'],
    session.room.trackOf(person.id, 'screen') && ['stopScreen', 'screen', 'Stop screen'],
    person.handRaised && ['lowerHand', 'hand', 'Lower hand'],
    broadcast && !person.canPublish && ['promote', 'live', 'Bring on stage'],
    broadcast && person.canPublish && person.role !== 'moderator' && ['demote', 'people', 'Back to audience'],
    ['remove', 'leave', 'Remove from session'],
  ].filter(Boolean);
  const id = `menu-${person.id}`;
  const act = async (action) => {
    popover.hidePopover();
    if (action === 'remove' && !(await confirmDialog({ title: `Remove ${person.username}?`, text: 'They cannot come back into this session.', confirm: 'Remove' }))) return;
    await session.moderate(person.id, action).catch((error) => toast(sentence(error), { error: true }));
  };
  const popover = h('div', { class: 'menu', id, popover: 'auto', role: 'menu' }, items.map(([action, symbol, label]) =>
    h('button', { class: action === 'remove' ? 'menu-item danger' : 'menu-item', role: 'menuitem', onclick: () => act(action) }, icon(symbol, 18), h('span', { text: label }))));
  const button = h('button', { class: 'icon-button', 'aria-label': `Actions for ${person.username}`, 'aria-haspopup': 'menu', popovertarget: id }, icon('more'));
  popover.addEventListener('toggle', (event) => {
    if (event.newState !== 'open') return;
    const { bottom, right, top } = button.getBoundingClientRect();
    const below = bottom + popover.offsetHeight < innerHeight;
    popover.style.top = `${below ? bottom + 4 : top - popover.offsetHeight - 4}px`;
    popover.style.left = `${right - popover.offsetWidth}px`;
    popover.querySelector('button')?.focus();
  });
  return h('span', {}, button, popover);
}
