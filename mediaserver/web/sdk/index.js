/** The SDK's public names; see docs/sdk.md. */
export { Client } from './client.js';
export { SdkError } from './errors.js';
export { Live } from './live.js';
export { newKey } from './outbox.js';
export { Session } from './session.js';
export { playSound } from './speakers.js';
export { Thread } from './thread.js';
