/** What is one's own: what others see of one, the password, the devices, one's data. */
import { h } from '../dom.js';
import { avatar } from '../parts.js';
import { imageOf } from '../people.js';
import { devicesCard, emailCard, knownDevicesCard, passwordCard } from './account.js';
import { dataCard } from './data.js';
import { detailsCard } from './details.js';
import { ROLES } from './person.js';

export function profileView(app) {
  const { user } = app.client;
  const name = h('h1', { class: 'user-text', text: user.username });
  const email = h('dd', { text: user.email ?? '' });
  const role = h('dd', { text: ROLES[user.role] ?? user.role });
  const face = h('div', {}, avatar(user.username, { size: 'large', imageUrl: imageOf(user) }));
  const undo = app.client.on('user', (me) => {
    if (me?.id !== user.id) return;
    name.textContent = me.username;
    email.textContent = me.email ?? '';
    role.textContent = ROLES[me.role] ?? me.role;
    face.replaceChildren(avatar(me.username, { size: 'large', imageUrl: imageOf(me) }));
  });
  const me = app.client.me();
  me.catch(() => {});
  const signOut = async () => {
    await app.client.logout();
    app.go('/signin');
  };
  const element = h('div', { class: 'narrow stack' }, h('div', { class: 'card profile' },
    face, name,
    h('dl', {}, h('dt', { text: 'Email' }), email, h('dt', { text: 'Role' }), role),
    h('div', { class: 'row wrap center' }, h('a', { class: 'button', href: `#/people/${user.id}`, text: 'Your page' }), h('button', { class: 'button', onclick: signOut, text: 'Sign out' }))),
  detailsCard(app, me), devicesCard(app), knownDevicesCard(app), emailCard(app), passwordCard(app), dataCard(app),
  h('p', { class: 'hint foot' }, 'For programs: ', h('a', { href: '/docs', text: 'the API' }), '.'));
  return { title: 'Profile', element, close: undo };
}
