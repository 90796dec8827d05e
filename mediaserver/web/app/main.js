/** The page's frame: which view is shown for which address, the bar on top, who is signed in. */
import { Client } from '../sdk/index.js';
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { avatar } from './parts.js';
import { isDark, toggleTheme } from './theme.js';
import { createView } from './views/create.js';
import { forgotView, resetView } from './views/reset.js';
import { profileView } from './views/profile.js';
import { recordingsView } from './views/recordings.js';
import { sessionsView } from './views/sessions.js';
import { signInView } from './views/signin.js';
import { roomView } from './room/page.js';

/** Address patterns; `bare` views bring their own frame, `open` ones need no login, `guests` are for those without one. */
const ROUTES = [
  { path: /^\/signin$/, view: signInView, open: true, guests: true },
  { path: /^\/forgot$/, view: forgotView, open: true },
  { path: /^\/reset\/([^/]+)$/, view: resetView, open: true },
  { path: /^\/sessions$/, view: sessionsView, nav: 'sessions' },
  { path: /^\/create$/, view: createView, nav: 'sessions' },
  { path: /^\/recordings(?:\/(live|video|audio)\/([^/]+))?$/, view: recordingsView, nav: 'recordings' },
  { path: /^\/profile$/, view: profileView, nav: 'profile' },
  { path: /^\/room\/(live|video|audio)\/([^/]+)$/, view: roomView, bare: true },
];

const client = new Client({ url: location.origin, storage: window.localStorage });
const app = {
  client,
  /** Where to go after signing in. */
  wanted: null,
  go(path) {
    if (location.hash === `#${path}`) draw();
    else location.hash = path;
  },
};
let current = null;

function draw() {
  const path = location.hash.slice(1) || '/sessions';
  const route = ROUTES.find((each) => each.path.test(path));
  if (!route) return void app.go('/sessions');
  if (!route.open && !client.user) {
    app.wanted = path;
    return void app.go('/signin');
  }
  if (route.guests && client.user) return void app.go('/sessions');
  current?.close?.();
  current = route.view(app, ...(path.match(route.path).slice(1).map((each) => each && decodeURIComponent(each))));
  document.title = `${current.title} · Mediaserver`;
  const main = h('main', { id: 'main', tabindex: '-1', class: route.bare ? 'bare' : 'page' }, current.element);
  fill(document.getElementById('app'), !route.bare && bar(route.nav), main);
  main.focus({ preventScroll: true });
}

function bar(active) {
  const link = (name, label) => h('a', { href: `#/${name}`, 'aria-current': active === name ? 'page' : null, text: label });
  const theme = h('button', { class: 'icon-button', 'aria-label': 'Switch between light and dark' });
  const drawTheme = () => fill(theme, icon(isDark() ? 'sun' : 'moon'));
  theme.addEventListener('click', () => { toggleTheme(); drawTheme(); });
  drawTheme();
  return h('header', { class: 'bar' },
    h('a', { class: 'brand', href: '#/sessions' }, h('img', { src: 'web/icon.svg', alt: '', width: 28, height: 28 }), h('span', { text: 'Mediaserver' })),
    client.user && h('nav', { 'aria-label': 'Main' }, link('sessions', 'Sessions'), link('recordings', 'Recordings')),
    h('div', { class: 'row bar-end' }, theme,
      client.user && h('a', { class: 'me', href: '#/profile', 'aria-label': `Profile of ${client.user.username}`, title: client.user.username },
        avatar(client.user.username, { size: 'small' }))));
}

client.on('user', (user) => {
  if (!user && !ROUTES.some(({ path, open }) => open && path.test(location.hash.slice(1)))) app.go('/signin');
});
// The address is the route: the skip link must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main')?.focus();
});
addEventListener('hashchange', draw);
draw();
