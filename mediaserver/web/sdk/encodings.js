/** How a track is encoded, pure: simulcast layers from 640×360 up, below a single encoding (Chromium would send one tiny layer). */

/** Bits per second of the whole picture; each lower simulcast layer takes about a third of the one above. */
const CEILINGS = [[1920 * 1080, 2_500_000], [1280 * 720, 1_500_000], [640 * 360, 700_000], [320 * 180, 300_000], [0, 150_000]];
const SCREEN_BPS = 2_500_000;

export function ceilingBps(width, height) {
  return CEILINGS.find(([area]) => width * height >= area)[1];
}

/**
 * @param {'microphone' | 'camera' | 'screen' | 'screenAudio'} source
 * @param {{width?: number, height?: number}} size what the track captures
 * @returns {RTCRtpEncodingParameters[]} best layer first (RFC 8853 section 5.2: earlier is preferred); empty for sound
 */
export function encodingsFor(source, { width = 0, height = 0 } = {}) {
  if (source === 'microphone' || source === 'screenAudio') return [];
  if (source === 'screen') return [{ maxBitrate: SCREEN_BPS }];
  const top = ceilingBps(width, height);
  const layers = layerCount(width, height);
  if (layers === 1) return [{ maxBitrate: top }];
  return ['h', 'm', 'l'].slice(0, layers).map((rid, index) => ({
    rid,
    scaleResolutionDownBy: 2 ** index,
    // Chromium's own choice has temporal layers, whose upper frames it gives up rather than wait for a resent packet.
    scalabilityMode: 'L1T1',
    maxBitrate: Math.round(top / 3 ** index),
  }));
}

export function layerCount(width, height) {
  const area = width * height;
  if (area >= 960 * 540) return 3;
  return area >= 640 * 360 ? 2 : 1;
}
