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
  let registration = { open: true, emailDomains: [] };
  const drawMode = (mode) => fill(card, ...form(app, mode, registration, { drawMode, drawRegister, confirmDevice }));
  /** Who may register is asked only of those who want to; without an answer the form is there all the same. */
  const drawRegister = async () => {
    registration = await app.client.registration().catch(() => registration);
    return drawMode(registration.open ? 'register' : 'login');
  };
  const confirmDevice = (login) => fill(card, confirmationNeeded(app, login, () => drawMode('login').querySelector('input').focus())).querySelector('h2').focus();
  drawMode('login');
  return { title: 'Sign in', element };
}

const pitch = (symbol, text) => h('li', {}, icon(symbol), h('span', { text }));

/** In place of the way to a new account where only the operator makes accounts. */
const closed = () => h('p', { class: 'switch', text: 'Registration is closed. Ask the operator of this server for an account.' });

/** `school.example or a subdomain of uni.example` */
const inWords = (domains) => domains.map((one) => (one.startsWith('*.') ? `a subdomain of ${one.slice(2)}` : one)).join(' or ');

function form(app, mode, { open, emailDomains }, { drawMode, drawRegister, confirmDevice }) {
  const register = mode === 'register';
  const error = h('p', { class: 'form-error', role: 'alert' });
  const input = (name, props) => h('input', { class: 'input', name, required: true, ...props });
  const passwordHint = register ? 'At least 8 characters.' : '';
  const element = h('form', { class: 'stack' },
    register && field('Username', input('username', { minlength: 3, maxlength: 32, autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' })),
    register && field('Email', input('email', { type: 'email', maxlength: 254, autocomplete: 'email' }), emailDomains.length > 0 && `An address at ${inWords(emailDomains)}.`),
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
    !open && !register ? closed() : h('p', { class: 'switch' }, h('span', { text: register ? 'You have an account? ' : 'New here? ' }),
      h('button', { class: 'link', type: 'button', onclick: async () => (register ? drawMode('login') : await drawRegister()).querySelector('input').focus(), text: register ? 'Sign in' : 'Create an account' })),
  ];
}
