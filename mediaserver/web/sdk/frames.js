/**
 * Tells when a receiver decodes again, from its statistics: they need no element on the page and are the same in all browsers.
 */
import { sleep } from './errors.js';

/** Frames after which a picture surely is the new one, where a browser does not count key frames. */
const ENOUGH_FRAMES = 15;

/** @returns {Promise<{frames: number, keys: number | null}>} frames and key frames decoded so far */
export async function frameCounts(receiver) {
  for (const stat of (await receiver.getStats()).values()) {
    if (stat.type === 'inbound-rtp') return { frames: stat.framesDecoded ?? 0, keys: stat.keyFramesDecoded ?? null };
  }
  return { frames: 0, keys: null };
}

/** Whether `now` has new pictures, pure. After a change of track only a key frame begins one. */
export function hasNewFrame(before, now, keyframe) {
  if (keyframe && now.keys !== null) {
    return now.keys > (before.keys ?? 0) || now.frames >= before.frames + ENOUGH_FRAMES;
  }
  return now.frames > before.frames;
}

/**
 * @param {RTCRtpReceiver} receiver
 * @param {{frames: number, keys: number | null}} before
 * @param {{keyframe: boolean, still: () => boolean}} options `still`: whether anybody waits on
 * @returns {Promise<boolean>} true with the first new frame, false when nobody waits any more
 */
export async function awaitFrame(receiver, before, { keyframe, still }) {
  for (let tries = 0; still(); tries += 1) {
    const now = await frameCounts(receiver);
    if (!still()) return false;
    if (hasNewFrame(before, now, keyframe)) return true;
    await sleep(tries < 80 ? 40 : 250);
  }
  return false;
}
