/** What stands around every page but the room: the bar, the navigation (at the bottom of a phone), how much is unread. */
import { fill, h, show } from './dom.js';
import { icon } from './icons.js';
import { menuOf } from './menu.js';
import { avatar } from './parts.js';
import { isDark, toggleTheme } from './theme.js';

const PLACES = [
  { name: 'home', label: 'Home', symbol: 'home' },
  { name: 'courses', label: 'Courses', symbol: 'book' },
  { name: 'sessions', label: 'Sessions', symbol: 'camera' },
  { name: 'recordings', label: 'Recordings', symbol: 'play' },
  { name: 'messages', label: 'Messages', symbol: 'mail' },
];

/** @returns {{element: HTMLElement, mark: (place?: string) => void, count: (unread: {notifications: number, messages: number}) => void}} */
export function frame(app) {
  const { user } = app.client;
  const links = new Map();
  const badges = { messages: badge(), notifications: badge() };
  const link = ({ name, label, symbol }) => {
    const element = h('a', { href: `#/${name}` }, h('span', { class: 'nav-icon' }, icon(symbol), badges[name]?.element), h('span', { text: label }));
    links.set(name, element);
    return element;
  };
  const bell = h('a', { class: 'icon-button', href: '#/notifications', title: 'Notifications' }, icon('bell'), badges.notifications.element);
  const search = h('a', { class: 'icon-button', href: '#/search', 'aria-label': 'Search', title: 'Search' }, icon('search'));
  links.set('notifications', bell);
  links.set('search', search);
  const element = h('header', { class: user ? 'bar with-nav' : 'bar' },
    h('a', { class: 'brand', href: '#/', 'aria-label': 'Mediaserver' }, h('img', { src: 'web/icon.svg', alt: '', width: 28, height: 28 }), h('span', { text: 'Mediaserver' })),
    user && h('nav', { 'aria-label': 'Main' }, PLACES.map(link)),
    h('div', { class: 'row bar-end' }, user && search, user && bell, themeButton(), user && mine(app)));
  const name = (control, label, count) => control.setAttribute('aria-label', count ? `${label}, ${count} unread` : label);
  return {
    element,
    mark(place) {
      for (const [each, control] of links) {
        if (each === place) control.setAttribute('aria-current', 'page');
        else control.removeAttribute('aria-current');
      }
    },
    count({ notifications, messages }) {
      badges.notifications.set(notifications);
      badges.messages.set(messages);
      name(bell, 'Notifications', notifications);
      if (links.has('messages')) name(links.get('messages'), 'Messages', messages);
    },
  };
}

function badge() {
  const element = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  return {
    element,
    set(count) {
      element.textContent = count > 99 ? '99+' : String(count);
      show(element, count > 0);
    },
  };
}

function themeButton() {
  const button = h('button', { class: 'icon-button theme', 'aria-label': 'Switch between light and dark', title: 'Light or dark' });
  const draw = () => fill(button, icon(isDark() ? 'sun' : 'moon'));
  button.addEventListener('click', () => { toggleTheme(); draw(); });
  draw();
  return button;
}

/** One's own picture, with the menu of what is one's own. */
function mine(app) {
  const { user } = app.client;
  const button = h('button', { class: 'me' });
  const face = () => {
    const { username } = app.client.user ?? user;
    button.setAttribute('aria-label', `Your account: ${username}`);
    button.title = username;
    fill(button, avatar(username, { size: 'small', imageUrl: app.client.user?.profileImage?.url ?? null }));
  };
  face();
  app.client.on('user', (now) => now?.id === user.id && face());
  const menu = menuOf(button, () => [
    { label: 'Your page', symbol: 'user', run: () => app.go(`/people/${user.id}`) },
    { label: 'Profile and account', symbol: 'gear', run: () => app.go('/profile') },
    app.client.user.role === 'admin' && { label: 'Reports', symbol: 'flag', run: () => app.go('/reports') },
    { label: 'Sign out', symbol: 'leave', run: () => app.client.logout().then(() => app.go('/signin')) },
  ]);
  return h('span', { class: 'mine' }, button, menu);
}
