/**
 * Buttons that change something on the server. They show the change at once, keep the focus, and lose no click or key press.
 * A busy button is not `disabled`: a disabled element drops the focus, and with it the keys that a person types next.
 */
import { LastWanted } from '../sdk/lastwanted.js';
import { sentence } from './sentences.js';
import { toast } from './toast.js';

export const tellError = (error) => toast(sentence(error), { error: true });

/**
 * Make a button switch something on and off. `aria-pressed` shows the newest wish at once; if the server refuses it, the
 * button shows again what is true, and a message says why.
 * @param {HTMLButtonElement} button
 * @param {{current: () => boolean, send: (on: boolean) => Promise<any>, draw: (on: boolean) => void, pressed?: boolean}} options
 *   `draw` shows a state; `pressed: false` for buttons whose label says what a click does, instead of naming a state
 * @returns {LastWanted}
 */
export function switchButton(button, { current, send, draw, pressed = true }) {
  const state = new LastWanted({ current, send, changed: show, failed: tellError });
  function show() {
    if (pressed) button.setAttribute('aria-pressed', String(state.value));
    markBusy(button, state.busy);
    draw(state.value);
  }
  button.addEventListener('click', () => state.toggle());
  show();
  return state;
}

/**
 * Run an action when a button is clicked; clicks while it is under way are ignored, so that nothing is done twice.
 * @param {HTMLButtonElement} button
 * @param {(event: MouseEvent) => Promise<any>} run its errors are shown as a message
 * @returns {HTMLButtonElement} the button
 */
export function actionButton(button, run) {
  let busy = false;
  button.addEventListener('click', async (event) => {
    if (busy) return;
    busy = true;
    markBusy(button, true);
    try {
      await run(event);
    } catch (error) {
      tellError(error);
    } finally {
      busy = false;
      markBusy(button, false);
    }
  });
  return button;
}

export function markBusy(element, busy) {
  if (busy) element.setAttribute('aria-busy', 'true');
  else element.removeAttribute('aria-busy');
}

/** Whether a person who had the focus on `element` would miss it: the focus is still there, or nowhere. */
export const hasOrLostFocus = (element) => document.activeElement === element || document.activeElement === document.body || document.activeElement === null;
