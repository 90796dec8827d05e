/** The row of buttons at the bottom of a room. */
import { fill, h, show } from '../dom.js';
import { icon } from '../icons.js';
import { menuOf } from '../menu.js';

/**
 * @typedef {import('../../sdk/lastwanted.js').LastWanted} LastWanted
 * @param {{session: import('../../sdk/index.js').Session, local: import('./localmedia.js').LocalMedia, panels: import('./panels.js').Panels,
 *   switches: {hand: LastWanted, record: LastWanted}, actions: {settings: () => void, leave: () => void}}} options
 */
export function controls({ session, local, panels, switches, actions }) {
  const { sources } = session.welcome.media;
  const audioOnly = session.kind === 'audio';
  const buttons = {
    mic: round(() => local.toggleMicrophone(), 'm'),
    camera: round(() => local.toggleCamera(), 'v'),
    screen: round(() => local.toggleScreen(), 's', 'secondary'),
    hand: round(() => switches.hand.toggle(), 'h'),
    record: round(() => switches.record.toggle(), null, 'secondary'),
    settings: round(actions.settings, null, 'secondary'),
    more: h('button', { class: 'round more', type: 'button', 'aria-label': 'More', title: 'More' }, icon('more')),
    people: round(() => panels.toggle('people'), 'p'),
    chat: round(() => panels.toggle('chat'), 'c'),
    leave: h('button', { class: 'round leave', 'aria-label': 'Leave', title: 'Leave', onclick: actions.leave }, icon('leave')),
  };
  // What a narrow page has no place for.
  const rest = [buttons.screen, buttons.record, buttons.settings];
  const menu = menuOf(buttons.more, () => rest.filter((button) => !button.hidden)
    .map((button) => ({ label: button.getAttribute('aria-label'), symbol: button.dataset.symbol, run: () => button.click() })));
  const badge = h('span', { class: 'badge', hidden: true });
  const draw = () => {
    const { me } = session;
    if (!me) return;
    const may = me.canPublish;
    const { microphone: mic, camera, screen } = local.switches;
    set(buttons.mic, mic.value ? 'mic' : 'micOff', mic.value ? 'Mute' : 'Unmute', { off: !mic.value, busy: mic.busy });
    set(buttons.camera, camera.value ? 'camera' : 'cameraOff', camera.value ? 'Camera off' : 'Camera on', { off: !camera.value, busy: camera.busy });
    set(buttons.screen, 'screen', screen.value ? 'Stop sharing' : 'Share screen', { active: screen.value, busy: screen.busy });
    const { hand, record } = switches;
    set(buttons.hand, 'hand', hand.value ? 'Lower hand' : 'Raise hand', { active: hand.value, busy: hand.busy });
    set(buttons.record, record.value ? 'stop' : 'record', record.value ? 'Stop recording' : 'Record', { active: record.value, busy: record.busy });
    set(buttons.settings, 'gear', 'Devices');
    set(buttons.people, 'people', 'People', { active: panels.open === 'people' });
    set(buttons.chat, 'chat', 'Chat', { active: panels.open === 'chat' });
    show(buttons.mic, may);
    show(buttons.camera, may && !audioOnly);
    show(buttons.screen, may && !audioOnly && Boolean(navigator.mediaDevices?.getDisplayMedia) && (!sources?.length || sources.includes('screen')));
    show(buttons.record, session.isModerator);
    show(buttons.settings, may);
    show(buttons.more, rest.some((button) => !button.hidden));
    badge.textContent = panels.unread > 99 ? '99+' : String(panels.unread);
    show(badge, panels.unread > 0);
    buttons.chat.append(badge);
  };
  for (const source of [local, panels]) source.on('change', draw);
  for (const each of Object.values(switches)) each.changed = draw;
  for (const type of ['participants', 'recording', 'state']) session.on(type, draw);
  draw();
  const element = h('div', { class: 'controls', role: 'group', 'aria-label': 'Your controls' },
    h('div', { class: 'controls-group' }, buttons.mic, buttons.camera, buttons.screen, buttons.hand),
    h('div', { class: 'controls-group' }, buttons.record, buttons.settings, buttons.people, buttons.chat, buttons.more, menu),
    h('div', { class: 'controls-group' }, buttons.leave));
  return { element, draw };
}

function round(onclick, key, rank = '') {
  return h('button', { class: `round ${rank}`, type: 'button', onclick, 'aria-keyshortcuts': key ?? null, 'data-key': key ?? null });
}

function set(button, symbol, label, { off = false, active = false, busy = false } = {}) {
  const drawn = [symbol, label, off, active, busy].join();
  if (button.dataset.drawn === drawn) return;
  button.dataset.drawn = drawn;
  button.dataset.symbol = symbol;
  fill(button, icon(symbol));
  button.setAttribute('aria-label', label);
  button.title = button.dataset.key ? `${label} (${button.dataset.key})` : label;
  button.classList.toggle('off', off);
  button.classList.toggle('active', active);
  button.setAttribute('aria-busy', String(busy));
}
