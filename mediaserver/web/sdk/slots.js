/**
 * Which track goes into which receive slot: pure planning over rows.
 *
 * Row n is the n-th audio slot and the n-th video slot of the connection; the server puts both under one stream, so that a
 * browser plays them in lip-sync. A row's role never changes (m-lines keep their place), its holder may:
 *   pair   one participant's microphone and camera, or a screen and its sound
 *   float  an audio slot that follows the loudest speakers; its video slot stays empty, lest a browser synchronise strangers
 *   video  a camera whose microphone, if any, comes through a floating slot
 * Whoever has a row keeps it while it is needed: a picture never moves because somebody else came or went.
 */

/** As many microphones are subscribed one by one; those beyond share the floating slots. */
export const PAIR_LIMIT = 4;
export const MAX_VIDEO_SLOTS = 50;
export const MAX_AUDIO_SLOTS = 20;

/**
 * @typedef {{role: 'pair' | 'float' | 'video', holder: string | null}} Row
 * @typedef {{key: string, audio: string | null, video: string | null, always?: boolean, maxWidth?: number, maxHeight?: number}} Want
 *   `key` names the holder; `always`: its sound may not float (the sound of a screen)
 * @typedef {{trackId: string | null, maxWidth?: number, maxHeight?: number}} Binding
 */

/**
 * @param {Row[]} before the rows so far; not changed
 * @param {Want[]} wants what shall be received, most important first
 * @param {{floating?: number, pairLimit?: number}} [policy]
 * @returns {{rows: Row[], audio: Binding[], video: Binding[]}} bindings per slot index; `trackId` may be "auto"
 */
export function planSlots(before, wants, { floating = 3, pairLimit = PAIR_LIMIT } = {}) {
  const rows = before.map((row) => ({ ...row }));
  const needed = new Map(wants.filter((want) => want.audio || want.video).map((want) => [want.key, want]));
  for (const row of rows) if (row.holder && !stillNeeded(row, needed.get(row.holder))) row.holder = null;
  for (const want of needed.values()) seat(rows, want, pairLimit);
  const floats = [...needed.values()].some((want) => want.audio && !inPair(rows, want.key)) ? floating : 0;
  addFloats(rows, floats);
  return { rows, ...bind(rows, needed, floats) };
}

const stillNeeded = (row, want) => Boolean(want) && (row.role === 'pair' || want.video !== null);
const inPair = (rows, key) => rows.some((row) => row.role === 'pair' && row.holder === key);
const lastIndex = (rows, used) => rows.reduce((last, row, index) => (used(row) ? index : last), -1);

function seat(rows, want, pairLimit) {
  if (rows.some((row) => row.holder === want.key)) return;
  if (wantsPair(rows, want, pairLimit)) {
    const free = rows.find((row) => row.role === 'pair' && row.holder === null);
    if (free) free.holder = want.key;
    else rows.push({ role: 'pair', holder: want.key });
    return;
  }
  if (!want.video) return;
  const free = rows.find((row) => row.role === 'video' && row.holder === null);
  if (free) free.holder = want.key;
  else if (rows.length < MAX_VIDEO_SLOTS) rows.push({ role: 'video', holder: want.key });
}

function wantsPair(rows, want, pairLimit) {
  if (!want.audio) return false;
  const free = rows.some((row) => row.role === 'pair' && row.holder === null);
  if (!free && rows.length >= MAX_AUDIO_SLOTS) return false;
  return want.always || rows.filter((row) => row.role === 'pair' && row.holder && !row.holder.endsWith('/screen')).length < pairLimit;
}

function addFloats(rows, floats) {
  const have = rows.filter((row) => row.role === 'float').length;
  for (let index = have; index < floats && rows.length < MAX_AUDIO_SLOTS; index += 1) rows.push({ role: 'float', holder: null });
}

function bind(rows, needed, floats) {
  const audio = [];
  const video = [];
  const audioCount = 1 + lastIndex(rows, (row) => row.role !== 'video');
  const anyVideo = [...needed.values()].some((want) => want.video);
  const videoCount = anyVideo ? 1 + lastIndex(rows, (row) => row.role === 'video' || needed.get(row.holder)?.video) : 0;
  let auto = 0;
  rows.forEach((row, index) => {
    const want = needed.get(row.holder);
    if (index < audioCount) {
      if (row.role === 'float') auto += 1;
      audio.push({ trackId: row.role === 'float' ? (auto <= floats ? 'auto' : null) : row.role === 'pair' ? want?.audio ?? null : null });
    }
    if (index < videoCount) video.push(videoBinding(want));
  });
  return { audio, video };
}

function videoBinding(want) {
  if (!want?.video) return { trackId: null };
  const { video, maxWidth, maxHeight } = want;
  return maxWidth && maxHeight ? { trackId: video, maxWidth, maxHeight } : { trackId: video };
}
