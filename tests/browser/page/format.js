// What source and meter agree on: the strip of blocks on top of every picture, and the tones.
// A classic script on purpose: it runs inside pages before the page's own code, and in node.
globalThis.volleyTest ??= {};

volleyTest.format = (() => {
  // What the page under test asks a camera for, unless a case has a wider one.
  const [width, height] = volleyTest.config?.wide ? [1280, 720] : [640, 480];
  const fps = 30;
  // 20 blocks of 32 pixels and more: still 8 wide when a sender scales its picture down by four.
  const blocks = 20;
  const counterBits = 12;
  // Once a second, and long enough (100 ms) that no receiver misses it by dropping one frame.
  const flashEvery = fps;
  // A whole number of flashes, so that the counter tells how far into its second a frame is.
  const counterModulus = flashEvery * Math.floor((1 << counterBits) / flashEvery);
  const flashFrames = 3;
  // Far above every participant's own tone, so that five milliseconds are enough to tell them apart.
  const beepHz = 3000;
  const beepSeconds = 0.1;
  const participants = 8;
  const toneHz = (id) => 400 + 150 * id;

  // Layout: light, dark, 3 bits id, flash, 12 bits counter, parity, light.
  function encode({ id, flash, counter }) {
    const bits = [1, 0];
    for (let i = 2; i >= 0; i--) bits.push((id >> i) & 1);
    bits.push(flash ? 1 : 0);
    for (let i = counterBits - 1; i >= 0; i--) bits.push((counter >> i) & 1);
    bits.push(parity(bits));
    bits.push(1);
    return bits;
  }

  // Returns null for anything that was not painted by a source.
  function decode(bits) {
    if (bits.length !== blocks || bits[0] !== 1 || bits[1] !== 0 || bits[blocks - 1] !== 1) return null;
    if (parity(bits.slice(0, blocks - 2)) !== bits[blocks - 2]) return null;
    const number = (from, count) => bits.slice(from, from + count).reduce((sum, bit) => sum * 2 + bit, 0);
    return { id: number(2, 3), flash: bits[5] === 1, counter: number(6, counterBits) };
  }

  function parity(bits) {
    return bits.slice(2).reduce((sum, bit) => sum ^ bit, 1);
  }

  return {
    width, height, fps, blocks, counterModulus, flashEvery, flashFrames,
    beepHz, beepSeconds, participants, toneHz, encode, decode,
  };
})();
