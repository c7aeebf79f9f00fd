// Somebody who is not in any call: talks to the server over UDP, WebSocket and HTTP, and mostly nonsense.
import dgram from 'node:dgram';
import WebSocket from 'ws';
import { until } from './shell.js';

const URL = 'ws://localhost:8080/ws';

// A WebSocket that keeps what it hears.
export class Socket {
  heard = [];

  static async open() {
    const socket = new Socket();
    socket.ws = new WebSocket(URL);
    socket.ws.on('message', (data) => socket.heard.push(JSON.parse(data)));
    await new Promise((done, fail) => socket.ws.once('open', done).once('error', fail));
    // From here on an error shows as a closed socket.
    socket.ws.on('error', () => {});
    return socket;
  }

  get isOpen() {
    return this.ws.readyState === WebSocket.OPEN;
  }

  send(message) {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  // The next message of one of these types that comes after this call's `send`.
  async ask(message, ...types) {
    const from = this.heard.length;
    this.send(message);
    return this.next(from, types);
  }

  next(from, types) {
    const answer = () => this.heard.slice(from).find(({ type }) => types.includes(type));
    return until(`${types.join(' or ')} over the WebSocket`, answer, { timeoutMs: 3000, everyMs: 10 });
  }

  close() {
    this.ws.close();
  }
}

// A UDP socket that knows whether an answer was ever longer than a question.
export class Datagrams {
  sent = 0;
  answers = 0;
  longestAnswer = 0;
  shortestQuestion = Infinity;

  static async open() {
    const datagrams = new Datagrams();
    datagrams.socket = dgram.createSocket('udp4');
    datagrams.socket.on('message', (answer) => {
      datagrams.answers += 1;
      datagrams.longestAnswer = Math.max(datagrams.longestAnswer, answer.length);
    });
    datagrams.socket.on('error', () => {});
    await new Promise((done) => datagrams.socket.bind(0, done));
    return datagrams;
  }

  send(bytes, { address, port }) {
    this.sent += 1;
    this.shortestQuestion = Math.min(this.shortestQuestion, bytes.length);
    this.socket.send(bytes, port, address);
  }

  close() {
    this.socket.close();
  }
}

// The addresses a server offers for media, out of its session description.
export function candidatesOf(sdp) {
  return [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)].map(([, address, port]) => ({ address, port: Number(port) }));
}
