/** A forgotten password: asking for the letter, and the page to which its link leads. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { field, submitting } from '../parts.js';

export function forgotView(app) {
  const card = h('section', { class: 'card stack' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const form = h('form', { class: 'stack' },
    field('Username or email', h('input', { class: 'input', name: 'login', required: true, maxlength: 254, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' })),
    error,
    h('button', { class: 'button primary wide', type: 'submit', text: 'Send me a link' }));
  submitting(form, error, async ({ login }) => {
    await app.client.requestPasswordReset(login.trim());
    fill(card, ...message('mail', 'Look into your mail',
      `If there is an account for ${login.trim()}, a link for a new password is on its way to its address. It works for an hour.`), back(app));
    card.querySelector('h1').focus();
  });
  fill(card, h('h1', { text: 'Forgot your password?' }),
    h('p', { class: 'hint', text: 'We send a link to the address of your account. With it you choose a new password.' }), form, back(app));
  return { title: 'Forgot your password', element: h('div', { class: 'single' }, card) };
}

export function resetView(app, token) {
  const card = h('section', { class: 'card stack' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const password = h('input', { class: 'input', name: 'password', type: 'password', required: true, minlength: 8, maxlength: 256, autocomplete: 'new-password' });
  const form = h('form', { class: 'stack' }, field('New password', password, 'At least 8 characters. You are signed out on all devices.'), error,
    h('button', { class: 'button primary wide', type: 'submit', text: 'Set password' }));
  submitting(form, error, async (values) => {
    try {
      await app.client.resetPassword({ token, password: values.password });
    } catch (failure) {
      if (failure.code !== 'reset_over') throw failure;
      fill(card, ...message('warn', 'This link is over', 'It was used already, or it is older than an hour. Only the latest link works.'),
        h('a', { class: 'button primary wide', href: '#/forgot', text: 'Ask for a new link' }));
      return void card.querySelector('h1').focus();
    }
    if (app.client.user) await app.client.me().catch(() => {}); // a login that this ended is noticed here
    fill(card, ...message('check', 'Your new password is set', 'You were signed out everywhere.'),
      h('a', { class: 'button primary wide', href: '#/signin', text: 'Sign in' }));
    card.querySelector('h1').focus();
  });
  fill(card, h('h1', { text: 'Choose a new password' }), form);
  return { title: 'New password', element: h('div', { class: 'single' }, card) };
}

/** What happened, with the focus on it, so that it is read out. */
const message = (symbol, title, text) => [icon(symbol, 32), h('h1', { text: title, tabindex: '-1' }), h('p', { text })];

const back = (app) => h('p', { class: 'switch' }, h('a', { href: app.client.user ? '#/profile' : '#/signin', text: app.client.user ? 'Back to your profile' : 'Back to signing in' }));
