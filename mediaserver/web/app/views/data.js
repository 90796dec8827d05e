/** Parts of the profile: whom one blocked, a copy of one's data, the end of one's account. */
import { fill, h } from '../dom.js';
import { failed as failedNote } from '../list.js';
import { confirmDialog, spinner } from '../parts.js';
import { face, nameLink } from '../people.js';
import { actionButton, tellError } from '../switches.js';
import { toast } from '../toast.js';

export function dataCard(app) {
  const { people, user } = app.client;
  const erase = async () => {
    const sure = await confirmDialog({ title: 'Delete your account?', text: 'Everything that is only yours is deleted: profile, tweets, messages, progress. This cannot be undone.', confirm: 'Delete my account' });
    if (!sure) return;
    try {
      await people.erase(user.id);
    } catch (error) {
      return void tellError(error);
    }
    app.client.tokens.clear();
    toast('Your account is deleted.');
    app.go('/signin');
  };
  return h('section', { class: 'card stack' }, h('h2', { text: 'Your data' }),
    h('div', { class: 'setting' }, h('p', { text: 'Everything that is kept of you, in one file.' }), actionButton(h('button', { class: 'button', type: 'button', text: 'Download my data' }), async () => save(await people.export(user.id)))),
    blocked(app),
    h('div', { class: 'setting' }, h('p', { text: 'The end of your account, with all that is only yours.' }), h('button', { class: 'button danger', type: 'button', onclick: erase, text: 'Delete account' })));
}

function save({ blob, name }) {
  const href = URL.createObjectURL(blob);
  const link = h('a', { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Asked for when somebody wants to know. */
function blocked(app) {
  const { people } = app.client;
  const place = h('div', {}, spinner());
  const load = async () => {
    const { items } = await people.blocks({ limit: 100 });
    fill(place, items.length ? h('ul', {}, items.map(row)) : h('p', { class: 'hint', text: 'You blocked nobody.' }));
  };
  const row = (block) => h('li', { class: 'person-row' }, face(block.blocked), h('div', { class: 'person-text' }, nameLink(block.blocked)),
    actionButton(h('button', { class: 'button small', type: 'button', 'aria-label': `Unblock ${block.blocked.username}`, text: 'Unblock' }), () => people.unblock(block.id).then(load)));
  return h('details', { class: 'blocked', ontoggle: ({ target }) => target.open && load().catch((error) => fill(place, failedNote(error))) }, h('summary', { text: 'Blocked people' }), place);
}
