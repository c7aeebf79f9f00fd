// Watches received tracks and keeps raw samples; what they mean is worked out outside the page
// (measure/). One watch per track, so that a seat that moves is seen as one.
volleyTest.meter = (() => {
  const format = volleyTest.format;
  const sound = volleyTest.sound;
  const watches = new Map();

  // Every peer connection of the page, in order of creation.
  const connections = [];
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options);
      if (!volleyTest.yardstickInTheMaking) connections.push(this);
    }
  };

  function watchConnection(pc) {
    for (const { track } of pc.getReceivers()) {
      if (!watches.has(track.id)) watches.set(track.id, track.kind === 'video' ? watchVideo(track) : watchAudio(track));
    }
  }

  // The element the page shows the track in, else one of our own.
  function elementFor(track) {
    const own = [...document.querySelectorAll('video')];
    const shown = own.find((video) => video.srcObject?.getVideoTracks?.().some(({ id }) => id === track.id));
    if (shown) return shown;
    const element = document.createElement('video');
    element.muted = true;
    element.playsInline = true;
    element.style = 'position:fixed;right:0;bottom:0;width:160px;height:120px;opacity:.99';
    element.srcObject = new MediaStream([track]);
    (document.body ?? document.documentElement).append(element);
    element.play().catch(() => {});
    return element;
  }

  function watchVideo(track) {
    const watch = { kind: 'video', track, frames: [], size: null };
    const canvas = new OffscreenCanvas(format.blocks * 4, 4);
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    const element = elementFor(track);
    const onFrame = (now, { presentedFrames, presentationTime, width, height }) => {
      if (watch.stopped) return;
      watch.size = [width, height];
      const strip = readStrip(element, context, width, height);
      watch.frames.push([presentationTime ?? now, presentedFrames, strip?.id ?? null, strip?.counter ?? null, strip?.flash ?? null]);
      element.requestVideoFrameCallback(onFrame);
    };
    element.requestVideoFrameCallback(onFrame);
    return watch;
  }

  function readStrip(element, context, width, height) {
    context.drawImage(element, 0, 0, width, height / 15, 0, 0, format.blocks * 4, 4);
    const { data } = context.getImageData(0, 0, format.blocks * 4, 4);
    const bits = [];
    for (let block = 0; block < format.blocks; block++) {
      const at = (2 * format.blocks * 4 + block * 4 + 2) * 4;
      bits.push(data[at + 1] > 127 ? 1 : 0);
    }
    return format.decode(bits);
  }

  function watchAudio(track) {
    const watch = { kind: 'audio', track, beeps: [], tones: [] };
    // Chromium gives Web Audio only silence unless an element plays the track as well.
    const element = new Audio();
    element.muted = true;
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => {});
    watch.element = element;
    const context = volleyTest.audioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const finder = new sound.BeepFinder(context.sampleRate, format.beepHz);
    let last = context.currentTime;
    watch.timer = setInterval(() => {
      const now = performance.now();
      const end = context.currentTime;
      analyser.getFloatTimeDomainData(samples);
      const fresh = Math.min(samples.length, Math.round((end - last) * context.sampleRate));
      last = end;
      for (const start of finder.push(samples, fresh, end)) watch.beeps.push(now - (end - start) * 1000);
      watch.tones.push([now, sound.loudestTone(samples.subarray(samples.length - 4096), context.sampleRate, format)]);
    }, 25);
    return watch;
  }

  // All samples since the last call, as plain data.
  function take(pc) {
    const taken = { now: performance.now(), video: [], audio: [] };
    for (const { mid, receiver } of pc.getTransceivers()) {
      const watch = watches.get(receiver.track.id);
      if (!watch) continue;
      if (watch.kind === 'video') taken.video.push({ mid, frames: watch.frames.splice(0), size: watch.size });
      else taken.audio.push({ mid, beeps: watch.beeps.splice(0), tones: watch.tones.splice(0) });
    }
    return taken;
  }

  async function stats(pc) {
    return [...(await pc.getStats()).values()];
  }

  return { connections, watchConnection, take, stats };
})();

volleyTest.audioContext = () => {
  volleyTest.sharedAudioContext ??= new AudioContext({ sampleRate: 48000 });
  return volleyTest.sharedAudioContext;
};
