/** Where tiles go: pure arithmetic over sizes in CSS pixels. */

export const GAP = 10;
const ASPECT = 16 / 9;

/**
 * The largest equal tiles of `count` that fit. Tiles may become narrower than 16:9 (to 4:3, on a tall page to square) where that fills more.
 * @returns {{columns: number, width: number, height: number}}
 */
export function gridFor(count, width, height, { gap = GAP, aspect = ASPECT, narrowest = width < height ? 1 : 4 / 3 } = {}) {
  let best = { columns: 1, width: 0, height: 0, area: -1 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const w = (width - gap * (columns - 1)) / columns;
    const h = (height - gap * (rows - 1)) / rows;
    if (w <= 0 || h <= 0) continue;
    const tile = { height: Math.min(h, w / narrowest) };
    tile.width = Math.min(w, tile.height * aspect);
    const area = tile.width * tile.height;
    if (area > best.area) best = { columns, width: Math.floor(tile.width), height: Math.floor(tile.height), area };
  }
  return { columns: best.columns, width: best.width, height: best.height };
}

const STEPS = [90, 180, 360, 540, 720, 1080];

/** The size to ask the server for: the next step up, so that small changes of the page change nothing. */
export function wantedSize(width, height, ratio = 1) {
  const need = Math.max(height, width / ASPECT) * Math.min(ratio, 2);
  const step = STEPS.find((each) => each >= need * 0.9) ?? STEPS.at(-1);
  return { width: Math.round(step * ASPECT), height: step };
}

/**
 * Who gets a tile when there are more people than places: whoever speaks or has a hand up comes in, the order stays.
 * @template {{speaking: boolean, me: boolean, participant: {handRaised: boolean}, hasCamera: boolean}} T
 * @param {T[]} tiles @param {number} places
 * @returns {T[]}
 */
export function chooseTiles(tiles, places) {
  if (tiles.length <= places) return tiles;
  const weight = (tile) => (tile.me ? 8 : 0) + (tile.speaking ? 4 : 0) + (tile.participant.handRaised ? 2 : 0) + (tile.hasCamera ? 1 : 0);
  const chosen = new Set([...tiles].sort((a, b) => weight(b) - weight(a)).slice(0, places));
  return tiles.filter((tile) => chosen.has(tile));
}
