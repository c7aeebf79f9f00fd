// Pebble, Let's Encrypt's server for tests as Debian has it, in the server's network: it signs for names that all
// lead to volley, and looks for proofs at the ports it is told.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { SERVER_ADDRESS, SERVER_SPACE } from './network.js';
import { until } from './shell.js';

const [PORT, MANAGEMENT, DNS] = [14_000, 15_000, 8053];
const NOBODY = 1;

export class Pebble {
  directory = `https://${SERVER_ADDRESS}:${PORT}/dir`;
  said = '';
  #processes = [];

  // Where proofs are looked for, and for how many seconds certificates are good. Without `tlsPort` it looks where
  // nobody is.
  constructor(folder, { httpPort, tlsPort = NOBODY, seconds }) {
    this.certificate = path.join(folder, 'pebble.pem');
    const key = path.join(folder, 'pebble-key.pem');
    const wish = path.join(folder, 'pebble.cnf');
    // With the extensions that are usual it would be one of an authority, which no client takes from a server.
    fs.writeFileSync(wish, [
      '[req]', 'distinguished_name = name', 'x509_extensions = extensions', 'prompt = no', '[name]', 'CN = pebble',
      '[extensions]', `subjectAltName = IP:${SERVER_ADDRESS}`, 'basicConstraints = critical, CA:FALSE', '',
    ].join('\n'));
    const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-config', wish, '-keyout', key, '-out', this.certificate];
    execFileSync('openssl', words, { stdio: 'ignore' });
    const settings = path.join(folder, 'pebble.json');
    fs.writeFileSync(settings, JSON.stringify({
      pebble: {
        listenAddress: `${SERVER_ADDRESS}:${PORT}`,
        managementListenAddress: `${SERVER_ADDRESS}:${MANAGEMENT}`,
        certificate: this.certificate,
        privateKey: key,
        httpPort,
        tlsPort,
        certificateValidityPeriod: seconds,
      },
    }));
    const none = ['-http01', '-https01', '-tlsalpn01', '-management', '-defaultIPv6'].flatMap((word) => [word, '']);
    this.#start('pebble-challtestsrv', ['-dns01', `127.0.0.1:${DNS}`, '-defaultIPv4', '127.0.0.1', ...none]);
    this.#start('pebble', ['-config', settings, '-dnsserver', `127.0.0.1:${DNS}`]);
  }

  // What it signs with, which is another one with each start.
  root() {
    return until('pebble (apt-get install pebble)', async () => {
      if (this.#processes.some(({ exitCode }) => exitCode !== null)) throw new Error(`pebble ended: ${this.said}`);
      return get(`https://${SERVER_ADDRESS}:${MANAGEMENT}/roots/0`);
    });
  }

  stop() {
    this.#processes.forEach((one) => one.kill('SIGKILL'));
  }

  #start(program, words) {
    const one = spawn('ip', ['netns', 'exec', SERVER_SPACE, program, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // It waits for some seconds before it looks, to teach patience.
      env: { ...process.env, PEBBLE_VA_NOSLEEP: '1' },
    });
    for (const stream of [one.stdout, one.stderr]) stream.on('data', (data) => (this.said = (this.said + data).slice(-20_000)));
    one.once('error', (error) => (this.said += error.message));
    this.#processes.push(one);
  }
}

function get(url) {
  return new Promise((done) => {
    const request = https.get(url, { rejectUnauthorized: false }, (response) => {
      let text = '';
      response.on('data', (part) => (text += part)).on('end', () => done(response.statusCode === 200 && text));
    });
    request.on('error', () => done(false));
  });
}
