/** One person in a list, with the button to follow them. */
import { h } from './dom.js';
import { face, isGone, nameLink } from './people.js';
import { sentence } from './sentences.js';
import { toast } from './toast.js';

/** @param {import('../sdk/types.js').Profile | import('../sdk/types.js').Person} person a profile also tells whether one follows them */
export function personRow(app, person) {
  const about = [person.skills?.[0]?.name, person.profile?.location].filter(Boolean).join(' · ');
  return h('li', { class: 'person-row' }, face(person),
    h('div', { class: 'person-text' }, nameLink(person), about && h('span', { class: 'hint', text: about })),
    !isGone(person) && person.id !== app.client.user.id && person.following !== undefined && followButton(app, person, { small: true }));
}

/** Follows or not, at once on the page; `changed` hears by how many the followers grew. */
export function followButton(app, person, { small = false, changed = () => {} } = {}) {
  const button = h('button', { class: 'button', type: 'button' });
  let { following } = person;
  const draw = () => {
    button.className = `button ${small ? 'small' : ''} ${following ? '' : 'primary'} follow`;
    button.setAttribute('aria-pressed', String(following));
    button.setAttribute('aria-label', `${following ? 'Unfollow' : 'Follow'} ${person.username}`);
    button.textContent = following ? 'Following' : 'Follow';
  };
  const turn = () => { following = !following; person.following = following; changed(following ? 1 : -1); draw(); };
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-busy')) return;
    button.setAttribute('aria-busy', 'true');
    turn();
    const { people, user } = app.client;
    await (following ? people.follow(person.id) : people.unfollow(user.id, person.id)).catch((error) => {
      turn();
      toast(sentence(error), { error: true });
    });
    button.removeAttribute('aria-busy');
  });
  draw();
  return button;
}
