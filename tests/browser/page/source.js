// Camera and microphone for every page under test: a painted picture that counts its frames and
// flashes once a second, and a tone that beeps at the same instant. Replaces getUserMedia, so the page
// under test stays untouched.
volleyTest.source = (() => {
  const format = volleyTest.format;
  let started = null;

  function start() {
    started ??= { video: startPicture(), audio: startTone() };
    return started;
  }

  function startPicture() {
    const canvas = document.createElement('canvas');
    canvas.width = format.width;
    canvas.height = format.height;
    const context = canvas.getContext('2d', { alpha: false });
    const texture = paintTexture();
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    // The specification has requestFrame on the track, Firefox on the stream.
    const capture = track.requestFrame ? track : stream;
    const begin = performance.now();
    let number = 0;
    const picture = { track, stalledUntil: 0 };
    const tick = () => {
      if (performance.now() < picture.stalledUntil) return setTimeout(tick, 5);
      paint(context, texture, number);
      capture.requestFrame();
      if (number % format.flashEvery === 0) started?.audio.beep();
      // After a stall the missed frames are skipped, as a camera would.
      number = Math.max(number + 1, Math.floor(((performance.now() - begin) * format.fps) / 1000));
      setTimeout(tick, begin + (number * 1000) / format.fps - performance.now());
    };
    setTimeout(tick, 0);
    return picture;
  }

  // Some texture, so that the encoder has about as much to do as with a face before a wall.
  function paintTexture() {
    const texture = document.createElement('canvas');
    texture.width = 2 * format.width;
    texture.height = format.height;
    const context = texture.getContext('2d', { alpha: false });
    let seed = 1;
    for (let y = 0; y < format.height; y += 20) {
      for (let x = 0; x < format.width; x += 20) {
        seed = (seed * 48271) % 2147483647;
        context.fillStyle = `hsl(${200 + (seed % 60)} 40% ${30 + (seed % 23)}%)`;
        context.fillRect(x, y, 20, 20);
        context.fillRect(x + format.width, y, 20, 20);
      }
    }
    return texture;
  }

  function paint(context, texture, number) {
    const { width, height, blocks, flashEvery, flashFrames, counterModulus } = format;
    const flash = number % flashEvery < flashFrames;
    context.drawImage(texture, -(number % width), 0);
    context.fillStyle = flash ? '#fff' : '#000';
    context.fillRect(width / 2 - 60, height / 2 - 60, 120, 120);
    const block = width / blocks;
    const bits = format.encode({ id: volleyTest.config.id, flash, counter: number % counterModulus });
    bits.forEach((bit, index) => {
      context.fillStyle = bit ? '#fff' : '#000';
      context.fillRect(index * block, 0, block, block);
    });
  }

  function startTone() {
    const context = volleyTest.audioContext();
    const output = context.createMediaStreamDestination();
    oscillate(context, output, format.toneHz(volleyTest.config.id), 0.2);
    const beepGain = oscillate(context, output, format.beepHz, 0);
    // Later than the moment of painting by what a test asks for, to prove that the meter would see it.
    const delay = (volleyTest.config.delayBeepMs ?? 0) / 1000;
    const beep = () => {
      const at = context.currentTime + delay;
      beepGain.setValueAtTime(0.4, at);
      beepGain.setValueAtTime(0, at + format.beepSeconds);
    };
    return { track: output.stream.getAudioTracks()[0], beep };
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

  async function getUserMedia(constraints = {}) {
    const { video, audio } = start();
    if (volleyTest.config.delayCameraMs) await new Promise((done) => setTimeout(done, volleyTest.config.delayCameraMs));
    const tracks = [];
    if (constraints.audio) tracks.push(audio.track.clone());
    if (constraints.video) tracks.push(video.track.clone());
    return new MediaStream(tracks);
  }

  // The source itself in the shape of a peer connection, so that the meter can watch it without a network.
  let mirrored = null;
  function mirror() {
    const { video, audio } = start();
    mirrored ??= [audio.track, video.track].map((track, index) => ({ mid: String(index), receiver: { track: track.clone() } }));
    return { getReceivers: () => mirrored.map(({ receiver }) => receiver), getTransceivers: () => mirrored };
  }

  if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = getUserMedia;
  return { start, stall, mirror, getUserMedia };
})();
