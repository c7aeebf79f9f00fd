// ffmpeg, as PyPI has it, in the folder that scripts/e2e makes: a WHIP publisher that knows nothing but a URL, and a
// source of packets for one that is made here.
import { spawn } from 'node:child_process';
import { log } from './shell.js';

// A moving picture and a tone, at the pace of a camera. Browsers decode H.264 without B-frames only.
const SOURCE = ['-re', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30', '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
const PICTURE = ['-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'ultrafast', '-tune', 'zerolatency', '-bf', '0', '-g', '30', '-pix_fmt', 'yuv420p', '-b:v', '800k'];
const SOUND = ['-c:a', 'libopus', '-ar', '48000', '-ac', '2', '-b:a', '64k'];

export class Ffmpeg {
  said = '';

  constructor(words) {
    if (!process.env.VOLLEY_FFMPEG) throw new Error('VOLLEY_FFMPEG names no ffmpeg with WHIP; start this with ./scripts/e2e');
    this.process = spawn(process.env.VOLLEY_FFMPEG, ['-hide_banner', '-loglevel', 'info', '-nostats', ...SOURCE, ...words], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.process.stderr.on('data', (data) => (this.said = (this.said + data).slice(-8000)));
    this.ended = new Promise((done) => this.process.once('exit', (code) => done((this.code = code ?? -1))));
  }

  // As somebody would type it. `flags` are those of its muxer.
  static publish(url, flags = []) {
    log(`ffmpeg -f whip ${flags.join(' ')} ${url}`);
    return new Ffmpeg([...PICTURE, ...SOUND, '-f', 'whip', ...flags, url]);
  }

  // Its packets, as whoever has ports for them marks them.
  static packets({ picture, sound }) {
    const to = ({ port, type, ssrc }) => ['-f', 'rtp', '-payload_type', type, '-ssrc', ssrc, `rtp://127.0.0.1:${port}?pkt_size=1200`].map(String);
    return new Ffmpeg(['-map', '0:v', ...PICTURE, ...to(picture), '-map', '1:a', ...SOUND, ...to(sound)]);
  }

  // It takes its session back, and goes.
  async stop() {
    this.process.stdin.write('q');
    await this.ended;
  }

  kill() {
    this.process.kill('SIGKILL');
  }
}
