/** Confirming an email address: the page to which a mailed link leads, and what unconfirmed people see until then. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { field, submitting } from '../parts.js';
import { actionButton } from '../switches.js';
import { toast } from '../toast.js';

/** It asks for the password, so that a link that somebody else asked for confirms nothing. */
export function verifyView(app, token) {
  const card = h('section', { class: 'card stack' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const password = h('input', { class: 'input', name: 'password', type: 'password', required: true, maxlength: 256, autocomplete: 'current-password' });
  const form = h('form', { class: 'stack' }, field('Password of your account', password), error,
    h('button', { class: 'button primary wide', type: 'submit', text: 'Confirm address' }));
  submitting(form, error, async (values) => {
    try {
      const user = await app.client.verifyEmail({ token, password: values.password });
      fill(card, icon('check', 32), h('h1', { text: 'Your address is confirmed', tabindex: '-1' }),
        h('p', { text: `${user.email} belongs to your account now. You are signed in as ${user.username}; other devices were signed out.` }),
        h('a', { class: 'button primary wide', href: '#/home', text: 'Continue' }));
    } catch (failure) {
      const [title, text] = OVER[failure.code] ?? [];
      if (!title) throw failure;
      fill(card, icon('warn', 32), h('h1', { text: title, tabindex: '-1' }), h('p', { text }),
        h('a', { class: 'button primary wide', href: app.client.user ? '#/profile' : '#/signin', text: app.client.user ? 'Go to your account' : 'Sign in' }));
    }
    card.querySelector('h1').focus();
  });
  fill(card, h('h1', { text: 'Confirm your email address' }),
    h('p', { class: 'hint', text: 'Enter the password that you chose for your account. If you did not create one, close this page: nothing happens.' }), form);
  return { title: 'Confirm your email address', element: h('div', { class: 'single' }, card) };
}

const OVER = {
  link_over: ['This link no longer works', 'It was used before, it is too old, or there is a newer one. Sign in to have another one sent.'],
  email_taken: ['This address is taken', 'Another account has confirmed it. Sign in to choose another address for this account.'],
};

/** What stands above every page until the address is confirmed. */
export function verificationBanner(app) {
  const { user } = app.client;
  const again = actionButton(h('button', { class: 'button small', type: 'button', text: 'Send another link' }), async () => {
    await app.client.resendVerification();
    toast('Another link is on its way. Only the newest one works.');
  });
  return h('div', { class: 'banner verification', role: 'status' }, icon('mail'),
    h('span', { class: 'user-text', text: `Confirm your email address to post, write and join sessions: open the link that we mailed to ${user.email}.` }),
    again, h('a', { class: 'button small', href: '#/profile', text: 'Change address' }));
}
