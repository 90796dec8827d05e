/** Plays what a session receives: one hidden audio element for every audio slot, for the session's whole life. */

/**
 * @param {import('./session.js').Session} session
 * @param {{container?: HTMLElement, onBlocked?: (retry: () => void) => void}} [options]
 *   `onBlocked`: the browser wants a gesture first; call `retry` from a click
 * @returns {{setSink: (deviceId: string) => void, close: () => void}}
 */
export function playSound(session, { container = document.body, onBlocked } = {}) {
  const elements = [];
  let sinkId = '';
  const play = (element) => element.play().catch((error) => {
    if (error.name === 'NotAllowedError') onBlocked?.(() => elements.forEach((each) => each.play()));
  });
  const sync = () => session.audioStreams.forEach((stream, index) => {
    let element = elements[index];
    if (!element) {
      element = document.createElement('audio');
      element.autoplay = true;
      element.hidden = true;
      if (sinkId) element.setSinkId?.(sinkId).catch(() => {});
      container.append(element);
      elements.push(element);
    }
    if (element.srcObject === stream) return;
    element.srcObject = stream;
    play(element);
  });
  const stop = session.on('sound', sync);
  sync();
  return {
    setSink(deviceId) {
      sinkId = deviceId;
      for (const element of elements) element.setSinkId?.(deviceId).catch(() => {});
    },
    close() {
      stop();
      for (const element of elements) element.remove();
    },
  };
}
