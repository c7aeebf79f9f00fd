// Lets a program that speaks only DTLS over UDP reach the server's media port: does the ICE check it
// cannot do, then carries its datagrams.
import dgram from 'node:dgram';
import { BINDING_SUCCESS, bindingRequest, isStun, messageType } from './stun.js';
import { until } from './shell.js';

const CHECK_EVERY_MS = 500;

export class IceShim {
  #far = dgram.createSocket('udp4');
  #near = dgram.createSocket('udp4');
  #program = null;
  #answered = 0;
  #timer;

  // The port on loopback at which the program finds the server.
  static async open({ target, username, password }) {
    const shim = new IceShim();
    shim.#far.on('message', (datagram) => shim.#fromServer(datagram));
    shim.#near.on('message', (datagram, sender) => {
      shim.#program = sender;
      shim.#far.send(datagram, target.port, target.address);
    });
    await new Promise((done) => shim.#far.bind(0, done));
    await new Promise((done) => shim.#near.bind(0, '127.0.0.1', done));
    const check = () => shim.#far.send(bindingRequest({ username, password }), target.port, target.address);
    check();
    // Consent has to be renewed as long as the program runs (RFC 7675).
    shim.#timer = setInterval(check, CHECK_EVERY_MS);
    await until('an answer to the ICE check', () => shim.#answered > 0, { timeoutMs: 5000 });
    return shim;
  }

  get port() {
    return this.#near.address().port;
  }

  #fromServer(datagram) {
    if (!isStun(datagram)) {
      if (this.#program) this.#near.send(datagram, this.#program.port, this.#program.address);
    } else if (messageType(datagram) === BINDING_SUCCESS) {
      this.#answered += 1;
    }
  }

  close() {
    clearInterval(this.#timer);
    this.#far.close();
    this.#near.close();
  }
}
