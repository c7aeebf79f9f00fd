/** How loud a microphone is, for a meter. */

/** Of full scale, in decibels: where a meter begins and ends. A quiet room is at about -60, a voice at -30. */
const [SILENT_DB, LOUD_DB] = [-60, -12];

/** 0 to 1, as loudness is felt: from the square mean of the wave. */
export function levelOf(wave: Float32Array): number {
  if (wave.length === 0) return 0;
  const power = wave.reduce((sum, value) => sum + value * value, 0) / wave.length;
  const decibels = 10 * Math.log10(Math.max(power, 1e-12));
  return Math.min(1, Math.max(0, (decibels - SILENT_DB) / (LOUD_DB - SILENT_DB)));
}

/** Tells the level of a track with every picture of the screen; returns how to stop. */
export function watchLevel(track: MediaStreamTrack, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 1024 });
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const wave = new Float32Array(analyser.fftSize);
  let frame = 0;
  const look = () => {
    analyser.getFloatTimeDomainData(wave);
    tell(track.enabled ? levelOf(wave) : 0);
    frame = requestAnimationFrame(look);
  };
  look();
  return () => {
    cancelAnimationFrame(frame);
    void context.close();
  };
}
