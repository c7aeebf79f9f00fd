// @ts-check
// What pages are asked to do. These are the defaults; a server serves its own values in this file.
export const settings = {
  "maxBitrate": 5000000,
  "minBitrate": 100000,
  "simulcast": true,
  "width": 1280,
  "height": 720,
  "echoCancellation": true,
  "noiseSuppression": true
};
