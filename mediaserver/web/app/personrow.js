/** One person in a list, with the button to follow them. */
import { h } from './dom.js';
import { face, isGone, nameLink } from './people.js';
import { switchButton } from './switches.js';

/** @param {import('../sdk/types.js').Profile | import('../sdk/types.js').Person} person a profile also tells whether one follows them */
export function personRow(app, person) {
  const about = [person.skills?.[0]?.name, person.profile?.location].filter(Boolean).join(' · ');
  return h('li', { class: 'person-row' }, face(person),
    h('div', { class: 'person-text' }, nameLink(person), about && h('span', { class: 'hint', text: about })),
    !isGone(person) && person.id !== app.client.user.id && person.following !== undefined && followButton(app, person, { small: true }));
}

/** `changed` is told by how many the followers grew, as soon as the button shows it. */
export function followButton(app, person, { small = false, changed = () => {} } = {}) {
  const button = h('button', { class: 'button', type: 'button' });
  let shown = person.following;
  switchButton(button, {
    current: () => person.following,
    send: async (on) => {
      const { people, user } = app.client;
      await (on ? people.follow(person.id) : people.unfollow(user.id, person.id));
      person.following = on;
    },
    draw: (on) => {
      button.className = `button ${small ? 'small' : ''} ${on ? '' : 'primary'} follow`;
      button.setAttribute('aria-label', `${on ? 'Unfollow' : 'Follow'} ${person.username}`);
      button.textContent = on ? 'Following' : 'Follow';
      if (on !== shown) changed(on ? 1 : -1);
      shown = on;
    },
  });
  return button;
}
