/** Files on their way into the chat: picked, dropped or pasted, uploaded with a progress bar, then sent. */
import { h } from '../dom.js';
import { bytes } from '../format.js';
import { icon } from '../icons.js';
import { sentence } from '../sentences.js';
import { toast } from '../toast.js';

const AT_ONCE = 2;

/** @param {{client: import('../../sdk/index.js').Client, send: (upload: import('../../sdk/types.js').Upload) => void}} options */
export function attachments({ client, send }) {
  const element = h('ul', { class: 'attachments', 'aria-label': 'Uploads' });
  const queue = [];
  let running = 0;
  const next = () => {
    while (running < AT_ONCE && queue.length) {
      running += 1;
      queue.shift()().finally(() => { running -= 1; next(); });
    }
  };
  const upload = (file) => {
    const abort = new AbortController();
    const progress = h('progress', { max: 1, value: 0, 'aria-label': `Uploading ${file.name}` });
    const chip = h('li', { class: 'attachment' }, icon('file', 16), h('span', { class: 'attachment-name', text: `${file.name || 'Picture'} (${bytes(file.size)})` }), progress,
      h('button', { class: 'icon-button small', 'aria-label': `Cancel ${file.name}`, onclick: () => { abort.abort(); chip.remove(); } }, icon('close', 16)));
    element.append(chip);
    queue.push(async () => {
      if (abort.signal.aborted) return;
      try {
        send(await client.upload(file, { signal: abort.signal, onProgress: (fraction) => { progress.value = fraction; } }));
      } catch (error) {
        if (error.code !== 'aborted') toast(`${file.name}: ${sentence(error)}`, { error: true });
      }
      chip.remove();
    });
    next();
  };
  return { element, add: (files) => files.forEach(upload), acceptDrops: (place) => acceptDrops(place, (files) => files.forEach(upload)) };
}

export function acceptDrops(place, add) {
  let depth = 0; // dragenter and dragleave come for every element within
  const mark = () => place.classList.toggle('dropping', depth > 0);
  const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
  place.addEventListener('dragenter', (event) => { if (carriesFiles(event)) { depth += 1; mark(); } });
  place.addEventListener('dragleave', (event) => { if (carriesFiles(event)) { depth -= 1; mark(); } });
  place.addEventListener('dragover', (event) => carriesFiles(event) && event.preventDefault());
  place.addEventListener('drop', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark();
    add([...event.dataTransfer.files]);
  });
}
