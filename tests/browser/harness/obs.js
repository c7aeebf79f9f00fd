// A WHIP publisher as OBS is one: on libdatachannel, with H.264 and Opus to send, one POST of an offer without
// candidates, and DELETE at the Location. Its packets are ffmpeg's.
import dgram from 'node:dgram';
import nodeDataChannel from 'node-datachannel';
import { Ffmpeg } from './ffmpeg.js';
import { log, until } from './shell.js';

const SOUND = { mid: '0', type: 111, ssrc: 1001 };
const PICTURE = { mid: '1', type: 96, ssrc: 1002 };
// What OBS names there.
const PROFILE = 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1';
const AGENT = 'Mozilla/5.0 (OBS-Studio/32.0.0; Linux x86_64; en-US)';

export class Obs {
  state = 'new';
  #sockets = [];

  static async publish(url, token) {
    const obs = new Obs();
    await obs.#connect(url, token);
    return obs;
  }

  async #connect(url, token) {
    this.pc = new nodeDataChannel.PeerConnection('obs', { iceServers: [] });
    this.pc.onStateChange((state) => (this.state = state));
    const sound = new nodeDataChannel.Audio(SOUND.mid, 'SendOnly');
    sound.addOpusCodec(SOUND.type);
    sound.addSSRC(SOUND.ssrc, 'obs', 'obs', 'obs-audio');
    const picture = new nodeDataChannel.Video(PICTURE.mid, 'SendOnly');
    picture.addH264Codec(PICTURE.type, PROFILE);
    picture.addSSRC(PICTURE.ssrc, 'obs', 'obs', 'obs-video');
    const tracks = [sound, picture].map((description) => this.pc.addTrack(description));
    this.pc.setLocalDescription('offer');
    const sdp = await until('an offer of libdatachannel', () => this.pc.localDescription()?.sdp);
    // OBS gathers candidates once it has heard of servers for that, so none stands in its offer.
    const offer = sdp.replaceAll(/^a=(candidate:.*|end-of-candidates)\r\n/gm, '');
    this.head = { 'user-agent': AGENT, ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { method: 'POST', body: offer, headers: { ...this.head, 'content-type': 'application/sdp' } });
    const answered = await answer.text();
    if (answer.status !== 201) throw new Error(`${url}: ${answer.status} ${answered}`);
    this.session = new URL(answer.headers.get('location'), url);
    log(`OBS has a session at ${this.session}`);
    this.pc.setRemoteDescription(answered, 'answer');
    await until('libdatachannel is connected', () => this.state === 'connected');
    await this.#send(tracks);
  }

  async #send([sound, picture]) {
    const ports = [];
    for (const track of [sound, picture]) {
      const socket = dgram.createSocket('udp4');
      // RFC 5761 §4: reports are none of the encoder's business.
      socket.on('message', (packet) => isRtp(packet) && track.isOpen() && track.sendMessageBinary(packet));
      await new Promise((done) => socket.bind(0, '127.0.0.1', done));
      this.#sockets.push(socket);
      ports.push(socket.address().port);
    }
    this.ffmpeg = Ffmpeg.packets({ sound: { ...SOUND, port: ports[0] }, picture: { ...PICTURE, port: ports[1] } });
  }

  // What it is answered when it takes its session back.
  async stop() {
    this.kill();
    const { status } = await fetch(this.session, { method: 'DELETE', headers: this.head });
    return status;
  }

  kill() {
    this.ffmpeg?.kill();
    this.#sockets.splice(0).forEach((socket) => socket.close());
    this.pc?.close();
  }
}

function isRtp(packet) {
  const type = packet[1] & 0x7f;
  return packet.length > 12 && (type < 64 || type > 95);
}
