/** Who is signed in, their password and devices, and signing out. */
import { h } from '../dom.js';
import { avatar } from '../parts.js';
import { devicesCard, passwordCard } from './account.js';

const ROLES = { student: 'Student', instructor: 'Instructor', admin: 'Administrator' };

export function profileView(app) {
  const { user } = app.client;
  const email = h('dd', { text: user.email ?? '' });
  const role = h('dd', { text: ROLES[user.role] ?? user.role });
  app.client.me().then((me) => {
    email.textContent = me.email ?? '';
    role.textContent = ROLES[me.role] ?? me.role;
  }, () => {});
  const signOut = async () => {
    await app.client.logout();
    app.go('/signin');
  };
  const element = h('div', { class: 'narrow stack' }, h('div', { class: 'card profile' },
    avatar(user.username, { size: 'large', imageUrl: user.profileImage?.url ?? null }), h('h1', { text: user.username }),
    h('dl', {}, h('dt', { text: 'Email' }), email, h('dt', { text: 'Role' }), role),
    h('button', { class: 'button', onclick: signOut, text: 'Sign out' })),
    devicesCard(app), passwordCard(app));
  return { title: 'Profile', element };
}
