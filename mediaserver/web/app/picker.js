/** Pictures and films that go with what one is writing: picked, dropped or pasted, uploaded at once, shown small. */
import { h, show } from './dom.js';
import { icon } from './icons.js';
import { sentence } from './sentences.js';
import { toast } from './toast.js';

/**
 * @param {{client: import('../sdk/index.js').Client, most: number, changed: () => void}} options
 * @returns {{element: HTMLElement, add: (files: File[]) => void, pick: () => void, ids: () => string[], busy: () => boolean, clear: (ids: string[]) => void}}
 */
export function mediaPicker({ client, most, changed }) {
  const element = h('ul', { class: 'picked', 'aria-label': 'Pictures and films', hidden: true });
  const input = h('input', { type: 'file', accept: 'image/*,video/*', multiple: true, hidden: true, onchange: () => { add([...input.files]); input.value = ''; } });
  /** @type {Set<{upload: object | null, abort: AbortController, item: HTMLElement}>} */
  const entries = new Set();
  const update = () => { show(element, entries.size > 0); changed(); };
  const remove = (entry) => {
    entry.abort.abort();
    entries.delete(entry);
    entry.item.remove();
    update();
  };
  const start = async (file) => {
    const progress = h('progress', { max: 1, value: 0, 'aria-label': `Uploading ${file.name}` });
    const entry = { upload: null, abort: new AbortController(), item: h('li', { class: 'picked-item' }, progress) };
    entry.item.append(h('button', { class: 'icon-button small', type: 'button', 'aria-label': `Remove ${file.name || 'picture'}`, onclick: () => remove(entry) }, icon('close', 16)));
    entries.add(entry);
    element.append(entry.item);
    update();
    try {
      entry.upload = await client.upload(file, { signal: entry.abort.signal, onProgress: (fraction) => { progress.value = fraction; } });
      if (!/^(image|video)\//.test(entry.upload.contentType)) throw new Error('This is neither a picture nor a film.');
      progress.replaceWith(small(entry.upload));
    } catch (error) {
      if (error.code !== 'aborted') toast(`${file.name}: ${sentence(error)}`, { error: true });
      remove(entry);
    }
    changed();
  };
  function add(files) {
    const room = most - entries.size;
    if (files.length > room) toast(`At most ${most} pictures and films.`, { error: true });
    files.slice(0, Math.max(0, room)).forEach(start);
  }
  return {
    element: h('div', {}, input, element),
    add,
    pick: () => input.click(),
    ids: () => [...entries].map(({ upload }) => upload?.id).filter(Boolean),
    busy: () => [...entries].some(({ upload }) => !upload),
    clear(ids) {
      for (const entry of [...entries].filter(({ upload }) => ids.includes(upload?.id))) remove(entry);
    },
  };
}

const small = (upload) => (upload.thumbnail || upload.contentType.startsWith('image/')
  ? h('img', { src: (upload.thumbnail ?? upload).url, alt: upload.name })
  : h('span', { class: 'picked-film' }, icon('play'), h('span', { text: upload.name })));
