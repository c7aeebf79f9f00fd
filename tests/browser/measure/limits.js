// How good is good enough. `FIGURES` are what Volley promises of a call, measured on a machine that has
// nothing else to do. `WORKS` is what still tells a call that works from one that does not when the
// machine's processors are lent to others for half a second at a time: there a browser drops frames and
// stalls that no server can help, and a socket that nobody reads meanwhile loses packets. Neither of them
// allows a picture that stops, sound that is not heard, or a layer that is not reached.
export const FIGURES = {
  // A picture every 33 ms; 27 allows for what two busy cores lose.
  leastFps: 27,
  mostGapMs: 200,
  // A key frame has to be asked for, made and shown.
  mostGapOverSwitchMs: 500,
  mostSwitchMs: 2000,
  // Where people begin to notice (ITU-R BT.1359 puts it at 45 ms early, 125 ms late).
  mostAvSyncMs: 80,
  mostJoinMs: 1500,
  // No longer over TCP, when all that is tried over UDP is in vain.
  mostJoinOverTcpMs: 5000,
  mostLost: 0,
  mostResumeMs: 3000,
  // What is painted appears with the next screen refresh, sound with the next block: one frame.
  mostSourceSyncMs: 34,
  stallToleranceMs: 150,
  // By per cent of packets lost: the least share of the pictures sent that must be decoded.
  leastDecoded: { 5: 0.95, 10: 0.9, 20: 0.7 },
  // At 10 % loss.
  mostConcealed: 0.05,
  // From the first sound of a speaker to their picture on everyone's screen.
  mostSpeakerMs: 500,
  // From the third one's pressing Join until all three see each other, and what that costs the other two.
  mostMeshSeenMs: 3000,
  mostMeshGapMs: 1000,
  // Chromium takes some 5 s to say that a way is gone; only then another is looked for.
  mostMoveMs: 10_000,
  // With a blurred background at 640×480, of 30, while two cores have time.
  leastBlurredFps: 24,
  // Of Prometheus' metrics, while thirty people are in a room.
  mostScrapeMs: 50,
  // Until the lobby takes what is typed; people wait for a page a second without noticing.
  mostInteractiveMs: 1000,
  // In a recording: sound and picture at either end, and of the pictures sent the share that is there; it
  // begins with a key frame that has to be asked for.
  mostRecordedAvSyncMs: 40,
  leastRecorded: 0.95,
  // Pictures in a file more or fewer than its publisher sent of that encoding between two moments.
  mostPicturesApart: 1,
  // With 5 % loss on the publishers' links.
  mostMissingRecorded: 0.002,
  // Where a file begins and ends, against when its publisher came and went, or recording was begun and ended.
  mostRecordedOffMs: 100,
  // A hole in a file's pictures of which the manifest says nothing, although pictures were painted meanwhile.
  mostUntoldHoleMs: 300,
};

// Beside a direct call of the same browsers, measured just before. Not where limits are `WORKS`: there two
// calls one after the other say nothing of each other.
export const YARDSTICK = { leastShareOfFps: 0.95, moreGapMs: 100 };

export const WORKS = {
  leastFps: 10,
  mostGapMs: 2000,
  mostGapOverSwitchMs: 3000,
  mostSwitchMs: 8000,
  mostAvSyncMs: 200,
  mostJoinMs: 10_000,
  mostJoinOverTcpMs: 15_000,
  mostLost: 60,
  mostResumeMs: 10_000,
  mostSourceSyncMs: 100,
  stallToleranceMs: 600,
  leastDecoded: { 5: 0.75, 10: 0.65, 20: 0.4 },
  mostConcealed: 0.2,
  mostSpeakerMs: 3000,
  mostMeshSeenMs: 15_000,
  mostMeshGapMs: 4000,
  mostMoveMs: 20_000,
  leastBlurredFps: 4,
  mostScrapeMs: 2000,
  mostInteractiveMs: 10_000,
  mostRecordedAvSyncMs: 200,
  leastRecorded: 0.6,
  // Not counted there: encodings come and go.
  mostPicturesApart: 30,
  mostMissingRecorded: 0.05,
  mostRecordedOffMs: 1000,
  mostUntoldHoleMs: 1500,
};
