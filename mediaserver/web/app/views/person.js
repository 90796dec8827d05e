/** Somebody's page: who they are, what they can, what they say; following them, writing to them. */
import { h } from '../dom.js';
import { plural } from '../format.js';
import { icon } from '../icons.js';
import { loaded, pagedList } from '../list.js';
import { linked, outside } from '../markup.js';
import { viewer } from '../media.js';
import { menuOf } from '../menu.js';
import { avatar, confirmDialog, empty } from '../parts.js';
import { imageOf } from '../people.js';
import { followButton } from '../personrow.js';
import { reportDialog } from '../report.js';
import { sentence } from '../sentences.js';
import { setTitle } from '../title.js';
import { toast } from '../toast.js';
import { tweetItem } from '../tweets.js';

export const ROLES = { student: 'Student', instructor: 'Instructor', admin: 'Administrator' };

export function personView(app, id) {
  const { people } = app.client;
  let list = null;
  const page = loaded(() => people.get(id), (person) => {
    setTitle(person.username);
    list?.close();
    list = pagedList({
      label: `Tweets of ${person.username}`, className: 'tweets card flush',
      load: (cursor) => people.tweets(id, { limit: 20, cursor }),
      item: (tweet) => tweetItem(app, tweet, { removed: (element) => list.remove(element) }),
      none: () => empty('chat', 'No tweets yet', person.id === app.client.user.id ? 'Say something on the home page.' : `${person.username} has not said anything yet.`),
    });
    return [header(app, person), h('h2', { class: 'section-title', text: 'Tweets' }), list.element];
  });
  return { title: 'Profile', element: h('div', { class: 'narrow' }, page.element), close() { page.close(); list?.close(); } };
}

function header(app, person) {
  const mine = person.id === app.client.user.id;
  const followers = h('strong', { text: String(person.followersCount) });
  const word = h('span', { text: noun(person.followersCount) });
  const grew = (by) => {
    person.followersCount += by;
    followers.textContent = String(person.followersCount);
    word.textContent = noun(person.followersCount);
  };
  const count = (kind, number, text) => h('a', { class: 'count-link', href: `#/people/${person.id}/${kind}` }, number, ' ', text);
  return h('section', { class: 'card person-card', 'aria-label': `About ${person.username}` },
    portrait(person),
    h('div', { class: 'person-acts' }, mine
      ? h('a', { class: 'button', href: '#/profile' }, icon('edit', 18), h('span', { text: 'Edit profile' }))
      : [followButton(app, person, { changed: grew }), h('a', { class: 'button', href: `#/messages/${person.id}`, 'aria-label': `Write to ${person.username}` }, icon('mail', 18), h('span', { text: 'Message' })), more(app, person)]),
    h('div', { class: 'person-names' }, h('h1', { class: 'user-text', text: person.username }), h('p', { class: 'hint', text: ROLES[person.role] ?? person.role })),
    person.profile.bio && h('p', { class: 'bio user-text' }, linked(person.profile.bio)),
    facts(person),
    person.skills.length > 0 && h('ul', { class: 'tags', 'aria-label': 'Skills' }, person.skills.map((skill) => h('li', {}, h('a', { class: 'tag', href: `#/skills/${skill.id}`, text: skill.name })))),
    h('p', { class: 'counts' }, count('following', h('strong', { text: String(person.followingCount) }), 'following'), count('followers', followers, word),
      h('span', {}, h('strong', { text: String(person.tweetsCount) }), ` ${person.tweetsCount === 1 ? 'tweet' : 'tweets'}`)));
}

const noun = (count) => plural(count, 'follower').replace(/^\d+ /, '');

function portrait(person) {
  const picture = avatar(person.username, { size: 'large', imageUrl: imageOf(person) });
  return person.profileImage ? h('button', { class: 'portrait', type: 'button', 'aria-label': `Show the picture of ${person.username}`, onclick: () => viewer([person.profileImage], 0) }, picture) : picture;
}

function facts(person) {
  const { location: place, links } = person.profile;
  const joined = new Date(person.joinDate).toLocaleDateString(undefined, { month: 'long', year: 'numeric' });
  return h('ul', { class: 'facts' },
    place && h('li', {}, icon('pin', 16), h('span', { class: 'user-text', text: place })),
    links.map((href) => h('li', {}, icon('link', 16), outside(href, href.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '')))),
    h('li', {}, icon('calendar', 16), h('span', { text: `Here since ${joined}` })));
}

function more(app, person) {
  const button = h('button', { class: 'icon-button', type: 'button', 'aria-label': `More about ${person.username}` }, icon('more'));
  const block = async () => {
    const sure = await confirmDialog({ title: `Block ${person.username}?`, text: 'You do not see each other any more, and cannot write to each other.', confirm: 'Block' });
    if (!sure) return;
    await app.client.people.block(person.id).then(() => { toast(`${person.username} is blocked.`); app.go('/'); }, (error) => toast(sentence(error), { error: true }));
  };
  return h('span', {}, button, menuOf(button, () => [
    { label: 'Report', symbol: 'flag', run: () => reportDialog(app, 'user', person.id) },
    { label: 'Block', symbol: 'block', danger: true, run: block },
  ]));
}
