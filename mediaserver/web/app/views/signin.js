/** Sign in, or make an account. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { field, submitting } from '../parts.js';
import { confirmationNeeded } from './device.js';

export function signInView(app) {
  const card = h('section', { class: 'card signin' });
  const element = h('div', { class: 'signin-page' },
    h('div', { class: 'pitch' }, h('h1', { text: 'Teach and learn together, live.' }),
      h('ul', {}, pitch('camera', 'Meet face to face, or just by voice'), pitch('screen', 'Share your screen with its sound'),
        pitch('book', 'Take courses, or teach them'), pitch('record', 'Record the session and watch it again'))),
    card);
  const drawMode = (mode) => fill(card, ...form(app, mode, drawMode, confirmDevice));
  const confirmDevice = (login) => fill(card, confirmationNeeded(app, login, () => drawMode('login').querySelector('input').focus())).querySelector('h2').focus();
  drawMode('login');
  return { title: 'Sign in', element };
}

const pitch = (symbol, text) => h('li', {}, icon(symbol), h('span', { text }));

function form(app, mode, drawMode, confirmDevice) {
  const register = mode === 'register';
  const error = h('p', { class: 'form-error', role: 'alert' });
  const input = (name, props) => h('input', { class: 'input', name, required: true, ...props });
  const passwordHint = register ? 'At least 8 characters.' : '';
  const element = h('form', { class: 'stack' },
    register && field('Username', input('username', { minlength: 3, maxlength: 32, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' })),
    register && field('Email', input('email', { type: 'email', maxlength: 254, autocomplete: 'email' })),
    !register && field('Username or email', input('login', { autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' })),
    field('Password', input('password', { type: 'password', minlength: register ? 8 : null, autocomplete: register ? 'new-password' : 'current-password' }), passwordHint),
    !register && h('p', { class: 'forgot' }, h('a', { href: '#/forgot', text: 'Forgot your password?' })),
    error,
    h('button', { class: 'button primary wide', type: 'submit', text: register ? 'Create account' : 'Sign in' }));
  submitting(element, error, async (values) => {
    try {
      await (register ? app.client.register(values) : app.client.login(values));
    } catch (failure) {
      if (failure.code !== 'confirmation_required') throw failure;
      return void confirmDevice(values.login.trim());
    }
    const next = app.wanted ?? '/';
    app.wanted = null;
    app.go(next);
  });
  return [
    h('h2', { text: register ? 'Create your account' : 'Welcome back' }), element,
    h('p', { class: 'switch' }, h('span', { text: register ? 'You have an account? ' : 'New here? ' }),
      h('button', { class: 'link', type: 'button', onclick: () => drawMode(register ? 'login' : 'register').querySelector('input').focus(), text: register ? 'Sign in' : 'Create an account' })),
  ];
}
