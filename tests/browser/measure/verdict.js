// The promises of a call, and which of them a measured case breaks.
import { YARDSTICK } from './limits.js';

// One receiver's figures, beside the direct call's at the same receiver where there was one. For `limits`
// see limits.js.
export function brokenByReceiver(limits, name, call, yardstick) {
  return [
    call.fps >= limits.leastFps || `${name}: ${call.fps} frames per second`,
    ...(yardstick ? brokenByYardstick(name, call, yardstick) : brokenByGap(limits, name, call)),
    call.audioHeard || `${name}: the tone was not found again`,
    ...brokenBySync(limits, name, call.avSyncMs),
  ].filter((failure) => failure !== true);
}

function brokenByYardstick(name, call, yardstick) {
  return [
    call.fps >= YARDSTICK.leastShareOfFps * yardstick.fps || `${name}: ${call.fps} fps beside the yardstick's ${yardstick.fps}`,
    call.longestGapMs <= yardstick.longestGapMs + YARDSTICK.moreGapMs
      || `${name}: a gap of ${call.longestGapMs} ms beside the yardstick's ${yardstick.longestGapMs}`,
  ];
}

function brokenByGap(limits, name, call) {
  return [call.longestGapMs <= limits.mostGapMs || `${name}: a gap of ${call.longestGapMs} ms`];
}

export function brokenBySync(limits, name, avSyncMs) {
  if (avSyncMs === null) return [`${name}: too few beeps to tell whether lips are in sync`];
  return avSyncMs <= limits.mostAvSyncMs ? [] : [`${name}: sound and picture ${avSyncMs} ms apart`];
}

export function brokenByTransport(limits, { joinToFirstFrameMs, srtpCipher, packetsLost }) {
  return [
    (joinToFirstFrameMs !== null && joinToFirstFrameMs <= limits.mostJoinMs) || `first frame ${joinToFirstFrameMs} ms after joining`,
    /AEAD/.test(srtpCipher ?? '') || `SRTP cipher ${srtpCipher}`,
    packetsLost <= limits.mostLost || `${packetsLost} packets lost`,
  ].filter((failure) => failure !== true);
}
