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
    constructor(configuration, ...rest) {
      super({ ...configuration, ...volleyTest.config.rtc }, ...rest);
      if (!volleyTest.yardstickInTheMaking) connections.push(this);
    }
  };

  // What the page was told of people and seats, each with the time on the machine's clock.
  const KEPT = ['joined', 'participant-joined', 'slots'];
  const messages = [];
  const NativeSocket = globalThis.WebSocket;
  globalThis.WebSocket = class extends NativeSocket {
    constructor(...options) {
      super(...options);
      this.addEventListener('message', ({ data }) => {
        const at = performance.timeOrigin + performance.now();
        const message = JSON.parse(data);
        if (KEPT.includes(message.type)) messages.push({ at, message });
      });
    }
  };

  // When the page asked to be let into a room, and how often it offered.
  let joinSentAt = null;
  let offers = 0;
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (/"type"\s*:\s*"join"/.test(data)) joinSentAt ??= performance.now();
    if (/"type"\s*:\s*"offer"/.test(data)) offers += 1;
    return send.call(this, data);
  };

  function watchConnection(pc) {
    for (const { track } of pc.getReceivers()) {
      if (!watches.has(track.id)) watches.set(track.id, track.kind === 'video' ? watchVideo(track) : watchAudio(track));
    }
  }

  // Pictures alone, as the decoder gives them: in a room whose tiles come and go, an element that is looked
  // for every now and then misses the first one.
  function watchDecoded(pc) {
    const tracks = pc.getReceivers().map(({ track }) => track).filter(({ kind, id }) => kind === 'video' && !watches.has(id));
    for (const track of tracks) {
      const samples = { frames: [], size: null };
      watches.set(track.id, { kind: 'video', samples });
      readDecoded(track.clone(), samples);
    }
  }

  async function readDecoded(track, samples) {
    const canvas = new OffscreenCanvas(format.blocks * 4, 4);
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    for (let number = 0; ; number += 1) {
      const { done, value: frame } = await reader.read();
      if (done) return;
      const [width, height] = (samples.size = [frame.displayWidth, frame.displayHeight]);
      const strip = readStrip(frame, context, width, height);
      frame.close();
      samples.frames.push([performance.now(), number, strip?.id ?? null, strip?.counter ?? null, strip?.flash ?? null, height]);
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
    const samples = { frames: [], size: null };
    const canvas = new OffscreenCanvas(format.blocks * 4, 4);
    const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    let element = null;
    const bind = () => {
      if (element?.isConnected) return;
      element = elementFor(track);
      element.requestVideoFrameCallback((now, frame) => onFrame(element, now, frame));
    };
    const onFrame = (from, now, { presentedFrames, presentationTime, width, height }) => {
      if (from !== element) return;
      samples.size = [width, height];
      const strip = readStrip(element, context, width, height);
      samples.frames.push([presentationTime ?? now, presentedFrames, strip?.id ?? null, strip?.counter ?? null, strip?.flash ?? null, height]);
      element.requestVideoFrameCallback((now, frame) => onFrame(from, now, frame));
    };
    bind();
    // A page takes a tile away when a person leaves, and may show the same seat in another one later.
    setInterval(bind, 200);
    return { kind: 'video', samples };
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
    const samples = { beeps: [], tones: [] };
    // Chromium gives Web Audio only silence unless an element plays the track as well.
    const element = new Audio();
    element.muted = true;
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => {});
    const context = volleyTest.audioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const wave = new Float32Array(analyser.fftSize);
    const finder = new sound.BeepFinder(context.sampleRate, format.beepHz);
    let last = context.currentTime;
    setInterval(() => {
      const now = performance.now();
      const end = context.currentTime;
      analyser.getFloatTimeDomainData(wave);
      const fresh = Math.min(wave.length, Math.round((end - last) * context.sampleRate));
      last = end;
      for (const start of finder.push(wave, fresh, end)) samples.beeps.push(now - (end - start) * 1000);
      samples.tones.push([now, sound.loudestTone(wave.subarray(wave.length - 4096), context.sampleRate, format)]);
    }, 25);
    // The element stays referenced, or it may be collected and the sound with it.
    return { kind: 'audio', samples, element };
  }

  // Everything received on this connection so far, as plain data.
  function samples(pc) {
    const all = { now: performance.now(), video: [], audio: [] };
    for (const { mid, receiver } of pc.getTransceivers()) {
      const watch = watches.get(receiver.track.id);
      if (watch) all[watch.kind].push({ mid, ...watch.samples });
    }
    return all;
  }

  // For whoever wants to know why: everything kept of every connection of the page.
  async function trace() {
    const all = [...connections, volleyTest.yardstick.pc].filter(Boolean);
    return Promise.all(all.map(async (pc) => ({
      state: pc.connectionState,
      local: pc.localDescription?.sdp,
      remote: pc.remoteDescription?.sdp,
      stats: await stats(pc),
      samples: pc.connectionState === 'closed' ? null : samples(pc),
    })));
  }

  async function stats(pc) {
    return [...(await pc.getStats()).values()];
  }

  return { connections, watchConnection, watchDecoded, samples, stats, trace, messages, get offers() { return offers; }, get joinSentAt() { return joinSentAt; } };
})();

volleyTest.audioContext = () => {
  volleyTest.sharedAudioContext ??= new AudioContext({ sampleRate: 48000 });
  return volleyTest.sharedAudioContext;
};
