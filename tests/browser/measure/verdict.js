// The promises of a call, and which of them a measured case breaks.

// A picture every 33 ms; 27 allows for what two busy cores lose.
const LEAST_FPS = 27;
const LEAST_SHARE_OF_YARDSTICK = 0.95;
const MORE_GAP_THAN_YARDSTICK_MS = 100;
// Where people begin to notice (ITU-R BT.1359 puts it at 45 ms early, 125 ms late).
const MOST_AV_SYNC_MS = 80;
const MOST_JOIN_MS = 1500;

// One receiver's figures beside the direct call's at the same receiver.
export function brokenByReceiver(name, call, yardstick) {
  return [
    call.fps >= LEAST_FPS || `${name}: ${call.fps} frames per second`,
    call.fps >= LEAST_SHARE_OF_YARDSTICK * yardstick.fps || `${name}: ${call.fps} fps beside the yardstick's ${yardstick.fps}`,
    call.longestGapMs <= yardstick.longestGapMs + MORE_GAP_THAN_YARDSTICK_MS
      || `${name}: a gap of ${call.longestGapMs} ms beside the yardstick's ${yardstick.longestGapMs}`,
    call.audioHeard || `${name}: the tone was not found again`,
    ...brokenBySync(name, call.avSyncMs),
  ].filter((failure) => failure !== true);
}

export function brokenBySync(name, avSyncMs) {
  if (avSyncMs === null) return [`${name}: too few beeps to tell whether lips are in sync`];
  return avSyncMs <= MOST_AV_SYNC_MS ? [] : [`${name}: sound and picture ${avSyncMs} ms apart`];
}

export function brokenByTransport({ joinToFirstFrameMs, srtpCipher, packetsLost }) {
  return [
    (joinToFirstFrameMs !== null && joinToFirstFrameMs <= MOST_JOIN_MS) || `first frame ${joinToFirstFrameMs} ms after joining`,
    /AEAD/.test(srtpCipher ?? '') || `SRTP cipher ${srtpCipher}`,
    packetsLost === 0 || `${packetsLost} packets lost`,
  ].filter((failure) => failure !== true);
}
