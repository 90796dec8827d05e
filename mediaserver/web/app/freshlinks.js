/**
 * Pictures, films and downloads whose signed links have expired while the page was open: they get fresh ones, and a film goes on
 * where it was. Pages do nothing for that; an element that cannot be helped gets a `linkfailed` event.
 */
import { hasExpired, parseLink } from '../sdk/filelinks.js';
import { sentence } from './sentences.js';
import { toast } from './toast.js';

const AGAIN_MS = 10_000;
/** When each element last got a fresh link: one that fails at once is not tried again. */
const renewedMs = new WeakMap();
/** What somebody has started and not paused. An error pauses as well, but nobody asked for that. */
const playing = new WeakSet();

export function keepLinksFresh(client) {
  // Events of media and pictures do not bubble: they are caught on the way down.
  document.addEventListener('error', ({ target }) => {
    if (target instanceof HTMLImageElement || target instanceof HTMLMediaElement) renew(client, target);
  }, true);
  document.addEventListener('play', ({ target }) => playing.add(target), true);
  document.addEventListener('pause', ({ target }) => target.error || playing.delete(target), true);
  document.addEventListener('click', (event) => {
    const anchor = event.target instanceof Element && event.target.closest('a[href*="/files/"]');
    if (anchor instanceof HTMLAnchorElement) follow(client, event, anchor);
  }, true);
}

async function renew(client, element) {
  const link = parseLink(element.currentSrc || element.src);
  if (!link) return;
  const recently = performance.now() - (renewedMs.get(element) ?? -Infinity) < AGAIN_MS;
  renewedMs.set(element, performance.now());
  const fresh = link.renewable && !recently ? await client.freshLink(element.currentSrc || element.src).catch(() => null) : null;
  if (!fresh) return void element.dispatchEvent(new CustomEvent('linkfailed'));
  if (element instanceof HTMLMediaElement) goOn(element, fresh);
  else element.src = fresh;
}

function goOn(media, url) {
  const { currentTime, playbackRate } = media;
  media.src = url;
  media.currentTime = currentTime;
  media.playbackRate = playbackRate;
  if (playing.has(media)) media.play().catch(() => {});
}

/** A download whose link has expired goes on with a fresh one. */
async function follow(client, event, anchor) {
  const link = parseLink(anchor.href);
  if (!link?.renewable || !hasExpired(link)) return;
  event.preventDefault();
  event.stopPropagation();
  try {
    const fresh = await client.freshLink(anchor.href);
    if (!fresh) return void toast('This file is not available any more.', { error: true });
    anchor.href = fresh;
    anchor.click();
  } catch (error) {
    toast(sentence(error), { error: true });
  }
}
