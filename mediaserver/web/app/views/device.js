/** Confirming this device with a mailed link, and asking for such a link. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { submitting } from '../parts.js';

/** In place of the sign-in form when new devices must be confirmed first; `back` shows the form again. */
export function confirmationNeeded(app, login, back) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const card = h('div', { class: 'stack' });
  const again = h('p', { class: 'switch' }, h('button', { class: 'link', type: 'button', onclick: back, text: 'Back to sign in' }));
  const form = h('form', { class: 'stack' }, error, h('button', { class: 'button primary wide', type: 'submit', text: 'Mail me a link' }));
  submitting(form, error, async () => {
    await app.client.requestLoginLink(login);
    fill(card, icon('mail', 32), h('h2', { text: 'Check your mail', tabindex: '-1' }),
      h('p', { text: `If there is an account for ${login}, a link to confirm this device is on its way. Open it on this device within an hour. If several arrive, use the newest.` }), again);
    card.querySelector('h2').focus();
  });
  fill(card, h('h2', { text: 'Confirm this device', tabindex: '-1' }),
    h('p', { text: 'Someone tried many wrong passwords for this account. To protect it, new devices have to be confirmed by mail before they can sign in.' }), form, again);
  return card;
}

/** Where the link in the mail leads. It takes a click: programs that look at links in mails must not use it up. */
export function deviceView(app, token) {
  const card = h('section', { class: 'card stack' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const form = h('form', { class: 'stack' }, error, h('button', { class: 'button primary wide', type: 'submit', text: 'Confirm this device' }));
  submitting(form, error, async () => {
    try {
      const { username } = await app.client.confirmDevice(token);
      fill(card, icon('check', 32), h('h1', { text: 'This device is confirmed', tabindex: '-1' }), h('p', { text: `You can sign in as ${username} now.` }),
        h('a', { class: 'button primary wide', href: '#/signin', text: 'Sign in' }));
    } catch (failure) {
      if (failure.code !== 'link_over') throw failure;
      fill(card, icon('warn', 32), h('h1', { text: 'This link no longer works', tabindex: '-1' }),
        h('p', { text: 'It was used before, it is older than an hour, or there is a newer one. Sign in to get another one.' }),
        h('a', { class: 'button primary wide', href: '#/signin', text: 'Sign in' }));
    }
    card.querySelector('h1').focus();
  });
  fill(card, h('h1', { text: 'Confirm this device' }), h('p', { class: 'hint', text: 'After this you can sign in here with your password.' }), form);
  return { title: 'Confirm this device', element: h('div', { class: 'single' }, card) };
}
