/** What others see of one: picture, words, place, links, skills. */
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { failed } from '../list.js';
import { avatar, field, spinner, submitting } from '../parts.js';
import { imageOf } from '../people.js';
import { skillPicker } from '../skillpicker.js';
import { hasOrLostFocus, markBusy } from '../switches.js';
import { toast } from '../toast.js';

const MAX_LINKS = 10;

/** @param {Promise<import('../../sdk/types.js').Profile>} me as the server knows one now */
export function detailsCard(app, me) {
  const place = h('div', {}, spinner());
  me.then((user) => fill(place, form(app, user)), (error) => fill(place, failed(error)));
  return h('section', { class: 'card stack' }, h('h2', { text: 'What others see' }), place);
}

function form(app, user) {
  const error = h('p', { class: 'form-error', role: 'alert' });
  const skills = skillPicker(app.client, user.skills);
  const links = h('textarea', { class: 'input', name: 'links', rows: 2, value: user.profile.links.join('\n'), placeholder: 'https://…', spellcheck: 'false' });
  const element = h('form', { class: 'stack' },
    pictureField(app, user),
    field('Username', h('input', { class: 'input', name: 'username', required: true, minlength: 3, maxlength: 32, autocomplete: 'username', value: user.username }),
      'Others mention you by it, and you sign in with it.'),
    field('About you', h('textarea', { class: 'input', name: 'bio', rows: 4, maxlength: 2000, value: user.profile.bio })),
    field('Place', h('input', { class: 'input', name: 'location', maxlength: 200, value: user.profile.location })),
    field('Links', links, 'One in each line.'),
    skills.element, error,
    h('div', { class: 'row' }, h('button', { class: 'button primary', type: 'submit', text: 'Save' })));
  submitting(element, error, async ({ username, bio, location: where }) => {
    const addresses = links.value.split('\n').map((each) => each.trim()).filter(Boolean).slice(0, MAX_LINKS);
    const profile = { bio: bio.trim(), location: where.trim(), links: addresses };
    app.client.tokens.learn(await app.client.people.update(user.id, { username: username.trim(), profile, skills: skills.ids() }));
    toast('Your profile is saved.');
  });
  return element;
}

/** The picture is stored as soon as it is chosen. */
function pictureField(app, user) {
  const face = h('span', {}, avatar(user.username, { size: 'large', imageUrl: imageOf(user) }));
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Uploading your picture' });
  const error = h('p', { class: 'form-error', role: 'alert' });
  const input = h('input', { type: 'file', accept: 'image/*', hidden: true, onchange: () => input.files[0] && change(input.files[0]) });
  const pick = h('button', { class: 'button', type: 'button', onclick: () => input.click() }, icon('image', 18), h('span', { text: 'Choose a picture' }));
  const remove = h('button', { class: 'button', type: 'button', hidden: !user.profileImage, onclick: () => change(null), text: 'Remove' });
  let busy = false;
  async function change(file) {
    if (busy) return;
    busy = true;
    markBusy(pick, true);
    error.textContent = '';
    try {
      progress.hidden = !file;
      const upload = file && await app.client.upload(file, { onProgress: (fraction) => { progress.value = fraction; } });
      const after = await app.client.people.update(user.id, { profileImage: upload?.id ?? null });
      app.client.tokens.learn(after);
      fill(face, avatar(after.username, { size: 'large', imageUrl: imageOf(after) }));
      remove.hidden = !after.profileImage;
      if (!file && hasOrLostFocus(remove)) pick.focus();
    } catch (failure) {
      error.textContent = failure.errors?.length ? 'This is no picture that can be shown.' : failure.message;
    }
    progress.hidden = true;
    busy = false;
    markBusy(pick, false);
    input.value = '';
  }
  return h('div', { class: 'picture-field' }, face, h('div', { class: 'stack tight' }, h('div', { class: 'row wrap' }, input, pick, remove), progress, error));
}
