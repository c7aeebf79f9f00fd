// Two ways to make a camera out of pictures: both paint a texture that moves, the strip of blocks on top
// (format.js) and a square in the middle that shows the flash to people.
volleyTest.painters = (() => {
  const { width, height, blocks, counterModulus, flashEvery, flashFrames, encode } = volleyTest.format;
  const BLOCK = width / blocks;
  const SQUARE = 120;
  const GRAIN = 40;
  const NOISY_ROWS = 96;
  const NOISE = 60;
  const WHITE = 235;
  const BLACK = 16;

  // Seconds by which a beep has to be shifted for flash and beep to reach a meter in the source's own page
  // at once; `./scripts/e2e meter` shows what is left as avSyncAtSourceMs.
  const PLANE_SOUND_SHIFT = -0.02;
  const CANVAS_SOUND_SHIFT = 0.019;

  const isFlash = (number) => number % flashEvery < flashFrames;

  function bitsOf(number) {
    return encode({ id: volleyTest.config.id, flash: isFlash(number), counter: number % counterModulus });
  }

  // Brightness of the texture's grains: enough for the encoder to have about as much to do as with a face
  // before a wall.
  function grains() {
    let seed = 1;
    return Array.from({ length: (width / GRAIN) * (height / GRAIN) }, () => {
      seed = (seed * 48271) % 2147483647;
      return 60 + (seed % 60);
    });
  }

  // Straight into the planes of a frame: hardly any work, but only Chromium has it.
  function planePainter() {
    const track = new MediaStreamTrackGenerator({ kind: 'video' });
    const writer = track.writable.getWriter();
    const texture = textureRows();
    const grain = volleyTest.config.busy ? noise() : null;
    const planes = new Uint8Array((width * height * 3) / 2).fill(128);
    const square = { left: (width - SQUARE) / 2, top: (height - SQUARE) / 2 };
    const paint = (number) => {
      const shift = number % width;
      for (let y = 0; y < height; y++) {
        const row = texture[Math.floor(y / GRAIN)];
        planes.set(row.subarray(shift, shift + width), y * width);
      }
      if (grain) paintNoise(planes, grain);
      fill(planes, square.left, square.top, SQUARE, SQUARE, isFlash(number) ? WHITE : BLACK);
      bitsOf(number).forEach((bit, index) => fill(planes, index * BLOCK, 0, BLOCK, BLOCK, bit ? WHITE : BLACK));
      const timestamp = Math.round(performance.now() * 1000);
      const frame = new VideoFrame(planes, { format: 'I420', codedWidth: width, codedHeight: height, timestamp });
      // After the track has ended there is nobody to write for.
      writer.write(frame).catch(() => frame.close());
    };
    return { track, paint, soundShift: PLANE_SOUND_SHIFT };
  }

  // Each row of grains twice in a row, so that any stretch of one width can be cut from it.
  function textureRows() {
    const all = grains();
    const perRow = width / GRAIN;
    return Array.from({ length: height / GRAIN }, (_, row) => Uint8Array.from({ length: 2 * width }, (_, x) => (
      all[row * perRow + (Math.floor(x / GRAIN) % perRow)]
    )));
  }

  // What no encoder can foretell, below the square: only then do the better ones need the rate they are
  // given, and links have something to choose from.
  function paintNoise(planes, grain) {
    for (let y = height - NOISY_ROWS; y < height; y++) {
      const from = Math.floor(Math.random() * (grain.length - width));
      planes.set(grain.subarray(from, from + width), y * width);
    }
  }

  function noise() {
    return Uint8Array.from({ length: 8 * width }, () => 80 + Math.random() * NOISE);
  }

  function fill(planes, left, top, columns, rows, value) {
    for (let y = top; y < top + rows; y++) planes.fill(value, y * width + left, y * width + left + columns);
  }

  function canvasPainter() {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d', { alpha: false });
    const texture = textureCanvas();
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks();
    // The specification has requestFrame on the track, Firefox on the stream.
    const capture = track.requestFrame ? track : stream;
    const shade = (light) => (light ? '#fff' : '#000');
    const paint = (number) => {
      context.drawImage(texture, -(number % width), 0);
      context.fillStyle = shade(isFlash(number));
      context.fillRect((width - SQUARE) / 2, (height - SQUARE) / 2, SQUARE, SQUARE);
      bitsOf(number).forEach((bit, index) => {
        context.fillStyle = shade(bit);
        context.fillRect(index * BLOCK, 0, BLOCK, BLOCK);
      });
      capture.requestFrame();
    };
    return { track, paint, soundShift: CANVAS_SOUND_SHIFT };
  }

  function textureCanvas() {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 2 * width, height });
    const context = canvas.getContext('2d', { alpha: false });
    const perRow = width / GRAIN;
    grains().forEach((light, index) => {
      const [x, y] = [(index % perRow) * GRAIN, Math.floor(index / perRow) * GRAIN];
      context.fillStyle = `rgb(${light} ${light} ${light})`;
      for (const left of [x, x + width]) context.fillRect(left, y, GRAIN, GRAIN);
    });
    return canvas;
  }

  return () => (globalThis.MediaStreamTrackGenerator ? planePainter() : canvasPainter());
})();
