// Camera and microphone for every page under test: a painted picture that counts its frames and
// flashes once a second, and a tone that beeps at the same instant. Replaces getUserMedia, so the page
// under test stays untouched.
volleyTest.source = (() => {
  const format = volleyTest.format;
  let started = null;
  // What the page has asked for.
  const asked = [];

  function start() {
    started ??= { video: startPicture(), audio: startTone() };
    return started;
  }

  function startPicture() {
    const { track, paint, soundShift } = volleyTest.painters();
    const picture = { track, stalledUntil: 0, painted: null };
    const begin = performance.now();
    let number = 0;
    const tick = () => {
      if (performance.now() < picture.stalledUntil) return setTimeout(tick, 5);
      paint(number);
      picture.painted = number % format.counterModulus;
      if ((number + 1) % format.flashEvery === 0) started?.audio.beepIn(1 / format.fps + soundShift);
      // After a stall the missed frames are skipped, as a camera would.
      number = Math.max(number + 1, Math.floor(((performance.now() - begin) * format.fps) / 1000));
      setTimeout(tick, begin + (number * 1000) / format.fps - performance.now());
    };
    setTimeout(tick, 0);
    return picture;
  }

  function startTone() {
    const context = volleyTest.audioContext();
    const output = context.createMediaStreamDestination();
    const voice = new GainNode(context, { gain: volleyTest.config.silent ? 0 : 1 });
    voice.connect(output);
    oscillate(context, voice, format.toneHz(volleyTest.config.id), 0.2);
    const beepGain = oscillate(context, voice, format.beepHz, 0);
    // Later by what a test asks for, to prove that the meter would see it.
    const planted = (volleyTest.config.delayBeepMs ?? 0) / 1000;
    const beepIn = (seconds) => {
      const at = context.currentTime + seconds + planted;
      beepGain.setValueAtTime(0.4, at);
      beepGain.setValueAtTime(0, at + format.beepSeconds);
    };
    return { track: output.stream.getAudioTracks()[0], beepIn, voice: voice.gain };
  }

  function oscillate(context, output, hz, volume) {
    const oscillator = new OscillatorNode(context, { frequency: hz });
    const gain = new GainNode(context, { gain: volume });
    oscillator.connect(gain).connect(output);
    oscillator.start();
    return gain.gain;
  }

  // A planted fault: no new picture for a while.
  function stall(ms) {
    started.video.stalledUntil = performance.now() + ms;
  }

  // Somebody who was silent begins to be heard, or the other way round.
  function speak(loud) {
    started.audio.voice.value = loud ? 1 : 0;
  }

  async function getUserMedia(constraints = {}) {
    asked.push(constraints);
    // Somebody without camera and microphone, who only listens.
    if (volleyTest.config.listens) throw new DOMException('there is no such device', 'NotFoundError');
    const refusal = volleyTest.config.refuses;
    if (refusal && (refusal.only === undefined || constraints[refusal.only])) throw new DOMException('as the test asks', refusal.name);
    if (volleyTest.config.portrait) return portrayed(constraints);
    const { video, audio } = start();
    if (volleyTest.config.delayCameraMs) await new Promise((done) => setTimeout(done, volleyTest.config.delayCameraMs));
    const tracks = [];
    if (constraints.audio) tracks.push(audio.track.clone());
    if (constraints.video) tracks.push(video.track.clone());
    return new MediaStream(tracks);
  }

  // For pictures of the page: a face instead of the blocks that the meter reads.
  function portrayed({ audio, video }) {
    const tracks = [];
    if (audio) tracks.push(start().audio.track.clone());
    if (video) tracks.push(volleyTest.portrait.film(volleyTest.config.portrait, { width: 960, height: 540, fps: 12 }).track);
    return new MediaStream(tracks);
  }

  // The source itself in the shape of a peer connection, so that the meter can watch it without a network.
  let mirrored = null;
  function mirror() {
    const { video, audio } = start();
    mirrored ??= [audio.track, video.track].map((track, index) => ({ mid: String(index), receiver: { track: track.clone() } }));
    return { getReceivers: () => mirrored.map(({ receiver }) => receiver), getTransceivers: () => mirrored };
  }

  if (navigator.mediaDevices) {
    navigator.mediaDevices.getUserMedia = getUserMedia;
    navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([volleyTest.portrait.slide().track]);
  }
  return { asked, start, stall, speak, mirror, getUserMedia };
})();
