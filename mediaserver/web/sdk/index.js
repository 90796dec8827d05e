/** The SDK's public names; see docs/sdk.md. */
export { Client } from './client.js';
export { SdkError } from './errors.js';
export { Session } from './session.js';
export { playSound } from './speakers.js';
