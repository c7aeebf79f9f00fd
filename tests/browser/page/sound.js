// Finding tones and the start of beeps in samples. Knows nothing of Web Audio.
globalThis.volleyTest ??= {};

volleyTest.sound = (() => {
  // Power of one frequency in samples[from..from+count), normalised so that a full sine gives 0.25.
  function power(samples, from, count, hz, rate) {
    const step = 2 * Math.cos((2 * Math.PI * hz) / rate);
    let before = 0;
    let last = 0;
    for (let i = from; i < from + count; i++) {
      const next = samples[i] + step * last - before;
      before = last;
      last = next;
    }
    return (before * before + last * last - step * before * last) / (count * count);
  }

  function energy(samples, from, count) {
    let sum = 0;
    for (let i = from; i < from + count; i++) sum += samples[i] * samples[i];
    return sum / count;
  }

  // Which participant's tone stands out: its id, or null in silence and noise.
  function loudestTone(samples, rate, format) {
    const powers = [];
    for (let id = 0; id < format.participants; id++) {
      powers.push(power(samples, 0, samples.length, format.toneHz(id), rate));
    }
    const ranked = powers.map((value, id) => ({ value, id })).sort((a, b) => b.value - a.value);
    const audible = ranked[0].value > 1e-5;
    const distinct = ranked[0].value > 10 * ranked[1].value;
    return audible && distinct ? ranked[0].id : null;
  }

  // Follows a stream of samples and reports the time (in the stream's own seconds) at which each beep starts.
  class BeepFinder {
    constructor(rate, beepHz) {
      this.rate = rate;
      this.beepHz = beepHz;
      this.window = Math.round(rate / 200);
      this.sounding = false;
      this.quietSince = -Infinity;
    }

    // `samples` end at stream time `end`; only the last `fresh` of them are new.
    push(samples, fresh, end) {
      const starts = [];
      const hop = Math.round(this.window / 2);
      const first = Math.max(0, samples.length - fresh - this.window);
      for (let at = first; at + this.window <= samples.length; at += hop) {
        const time = end - (samples.length - at - this.window / 2) / this.rate;
        const beep = power(samples, at, this.window, this.beepHz, this.rate);
        const loud = beep > 1e-4 && beep > 0.1 * energy(samples, at, this.window);
        if (loud && !this.sounding && time - this.quietSince > 0.2) starts.push(time);
        if (loud) this.quietSince = time;
        this.sounding = loud;
      }
      return starts;
    }
  }

  return { power, energy, loudestTone, BeepFinder };
})();
