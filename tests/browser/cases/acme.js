// Certificates by ACME from a real server for tests: fetched while HTTPS is served already, shown at once, renewed,
// and found again after a restart. Once by way of port 443, once by way of port 80, where 443 leads elsewhere.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { SERVER_ADDRESS } from '../harness/network.js';
import { Pebble } from '../harness/pebble.js';
import { Server } from '../harness/server.js';
import { until } from '../harness/shell.js';

const NAMES = ['sfu.volley.test', 'call.volley.test'];
// Two thirds of it are over soon enough for a test.
const SECONDS = 30;

export const name = 'acme';
export const about = 'a certificate from pebble, by either proof: shown at once, renewed, and kept over a restart';
export const needsServer = false;
export const cases = [
  { name: 'acme-tls', run: (context) => fetched(context, { tlsPort: 8443, httpPort: 1 }) },
  { name: 'acme-http', run: (context) => fetched(context, { httpPort: 8080 }) },
];

async function fetched(context, ports) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'acme-'));
  const kept = path.join(folder, 'kept');
  const pebble = new Pebble(folder, { ...ports, seconds: SECONDS });
  context.onClose(() => pebble.stop());
  const ca = await pebble.root();
  const environment = {
    VOLLEY_TLS__ACME__DOMAINS: NAMES.join(','),
    VOLLEY_TLS__ACME__DIRECTORY: pebble.directory,
    VOLLEY_TLS__ACME__CONTACT: 'admin@volley.test',
    VOLLEY_TLS__ACME__FOLDER: kept,
    SSL_CERT_FILE: pebble.certificate,
  };
  const failures = [];
  let server = await start(context, environment);
  try {
    // It was ready before anybody had signed anything; then each name has a certificate that browsers would take.
    const shown = (name) => until(`a certificate for ${name}`, async () => (await look(name, ca)).serial, { timeoutMs: 20_000 });
    const first = await shown(NAMES[0]);
    if ((await shown(NAMES[1])) !== first) failures.push('the names have different certificates');
    const modes = ['.', 'certificate.pem', 'account.json'].map((name) => fs.statSync(path.join(kept, name)).mode & 0o777);
    if (String(modes) !== String([0o700, 0o600, 0o600])) failures.push(`rights are ${modes.map((mode) => mode.toString(8))}`);
    const account = fs.readFileSync(path.join(kept, 'account.json'), 'utf8');

    await until('a renewed certificate', async () => ![first, undefined].includes((await look(NAMES[0], ca)).serial), {
      timeoutMs: SECONDS * 1000,
    });
    const renewed = (await look(NAMES[0], ca)).serial;
    await server.stop();
    server = await start(context, environment);
    const again = (await look(NAMES[0], ca)).serial;
    if (again !== renewed) failures.push(`after a restart another certificate is shown: ${again}`);
    if (fs.readFileSync(path.join(kept, 'account.json'), 'utf8') !== account) failures.push('there is another account');
    return { first, renewed, failures };
  } finally {
    await server.stop();
  }
}

async function start(context, environment) {
  const server = new Server({ environment });
  context.onClose(() => server.stop());
  await server.ready();
  return server;
}

// What is shown under a name, if it is one that the server for tests has signed.
function look(servername, ca) {
  return new Promise((done) => {
    const socket = tls.connect({ host: SERVER_ADDRESS, port: 8443, servername, ca }, () => {
      done({ serial: socket.getPeerCertificate().serialNumber });
      socket.destroy();
    });
    socket.once('error', (error) => done({ error }));
  });
}
