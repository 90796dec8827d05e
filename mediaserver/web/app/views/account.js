/** Parts of the profile: the devices on which one is signed in, the address and the password. */
import { fill, h } from '../dom.js';
import { deviceName, since } from '../format.js';
import { icon } from '../icons.js';
import { confirmDialog, field, submitting } from '../parts.js';
import { actionButton, tellError } from '../switches.js';
import { toast } from '../toast.js';

export function devicesCard(app) {
  const list = h('ul', { class: 'devices' });
  const more = h('button', { class: 'link', type: 'button', text: 'Show more' });
  let logins = [];
  const load = async (cursor = null) => {
    const { items, nextCursor } = await app.client.logins({ limit: 10, cursor });
    logins = [...(cursor ? logins : []), ...items];
    more.hidden = !nextCursor;
    more.onclick = () => load(nextCursor).catch(tellError);
    fill(list, logins.map(row));
  };
  const end = async (login) => {
    await app.client.endLogin(login.id);
    toast(`${deviceName(login.userAgent)} is signed out.`);
    await load();
  };
  const row = (login) => h('li', { class: 'device' }, icon('device', 24),
    h('div', { class: 'device-text' }, h('strong', { text: deviceName(login.userAgent) }),
      h('p', { class: 'hint', text: `Signed in ${since(login.createdAt)} · last used ${since(login.lastUsedAt)}` })),
    login.current ? h('span', { class: 'here', text: 'This device' })
      : actionButton(h('button', { class: 'button small', 'aria-label': `Sign out ${deviceName(login.userAgent)}`, text: 'Sign out' }), () => end(login)));
  const everywhere = async () => {
    const sure = await confirmDialog({ title: 'Sign out everywhere?', text: 'All devices are signed out, this one too. Running calls end.', confirm: 'Sign out everywhere' });
    if (sure) await app.client.logoutAll().catch(tellError);
  };
  more.hidden = true;
  load().catch(tellError);
  return h('section', { class: 'card' }, h('h2', { text: 'Where you are signed in' }), list,
    h('div', { class: 'row wrap' }, h('button', { class: 'button', onclick: everywhere, text: 'Sign out everywhere' }), more));
}

/** Devices that signed in before, and can sign in while strangers guess the account's password. */
export function knownDevicesCard(app) {
  const list = h('ul', { class: 'devices' });
  const load = async () => fill(list, (await app.client.knownDevices({ limit: 100 })).items.map(row));
  const forget = async (device) => {
    await app.client.forgetDevice(device.id);
    toast(`${deviceName(device.userAgent)} is forgotten and signed out.`);
    await load();
  };
  const row = (device) => h('li', { class: 'device' }, icon('device', 24),
    h('div', { class: 'device-text' }, h('strong', { text: deviceName(device.userAgent) }),
      h('p', { class: 'hint', text: `Last signed in ${since(device.lastUsedAt)}` })),
    device.current ? h('span', { class: 'here', text: 'This device' })
      : actionButton(h('button', { class: 'button small', 'aria-label': `Forget ${deviceName(device.userAgent)}`, text: 'Forget' }), () => forget(device)));
  load().catch(tellError);
  return h('section', { class: 'card' }, h('h2', { text: 'Known devices' }),
    h('p', { class: 'hint', text: 'They can sign in even while someone else is guessing your password. Forget those that you no longer use.' }), list);
}

export function emailCard(app) {
  const waiting = h('div', { class: 'stack' });
  const drawWaiting = ({ email: inForce, emailVerified, pendingEmail }) => {
    const address = emailVerified === false ? inForce : pendingEmail;
    const again = () => actionButton(h('button', { class: 'button small', type: 'button', text: 'Send another link' }), async () => {
      await app.client.resendVerification();
      toast('Another link is on its way. Only the newest one works.');
    });
    fill(waiting, ...(address ? [h('p', { class: 'user-text', text: emailVerified === false ? `${address} is not confirmed yet. Open the link that we mailed to it.`
      : `${address} takes the place of ${inForce} once you open the link that we mailed to it. To keep ${inForce}, enter it below.` }),
    h('div', { class: 'row' }, again())] : []));
  };
  const error = h('p', { class: 'form-error', role: 'alert' });
  const email = h('input', { class: 'input', name: 'email', type: 'email', required: true, maxlength: 254, autocomplete: 'email' });
  const password = h('input', { class: 'input', name: 'password', type: 'password', required: true, maxlength: 256, autocomplete: 'current-password' });
  const form = h('form', { class: 'stack' },
    field('New address', email, 'Mail goes there from then on; the old address is told.'), field('Your password', password), error,
    h('div', { class: 'row' }, h('button', { class: 'button', type: 'submit', text: 'Change address' })));
  submitting(form, error, async (given) => {
    const user = await app.client.changeEmail({ password: given.password, email: given.email.trim() });
    form.reset();
    drawWaiting(user);
    toast(user.pendingEmail || user.emailVerified === false ? 'Open the link that we mailed to the new address.' : 'Your address is changed.');
  });
  drawWaiting(app.client.user);
  return h('section', { class: 'card stack' }, h('h2', { text: 'Email' }), waiting, form);
}

export function passwordCard(app) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const input = (name, autocomplete, props) => h('input', { class: 'input', name, type: 'password', required: true, maxlength: 256, autocomplete, ...props });
  const form = h('form', { class: 'stack' },
    // Password managers want to know whose it is.
    h('input', { type: 'text', name: 'username', autocomplete: 'username', value: app.client.user.username, hidden: true, readonly: true }),
    field('Present password', input('currentPassword', 'current-password')),
    field('New password', input('newPassword', 'new-password', { minlength: 8 }), 'At least 8 characters. Your other devices are signed out.'),
    error,
    h('div', { class: 'row' }, h('button', { class: 'button', type: 'submit', text: 'Change password' })));
  submitting(form, error, async ({ currentPassword, newPassword }) => {
    await app.client.changePassword({ currentPassword, newPassword });
    toast('Your password is changed.');
    app.go('/profile'); // drawn anew, without the devices that this signed out
  });
  return h('section', { class: 'card stack' }, h('h2', { text: 'Password' }), form);
}
