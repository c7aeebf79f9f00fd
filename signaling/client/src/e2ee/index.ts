/** What pages may use of end-to-end encryption beside `Room`. */
export { generatePassphrase } from "./keys.ts";
export type { SealCounters } from "./messages.ts";
export { encryptionObstacle, transformWay } from "./encryption.ts";
