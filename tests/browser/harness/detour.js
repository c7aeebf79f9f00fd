// A longer way between a browser and the server: UDP to PORT is carried to TARGET and back, each datagram
// MS later. The kernels that tests run on seldom have netem. A program, for another network:
//   node detour.js ADDRESS PORT TARGET MS
import dgram from 'node:dgram';

const [address, port, target, delay] = process.argv.slice(2).map((word, at) => (at === 0 ? word : Number(word)));
const near = dgram.createSocket('udp4');
const senders = new Map();

// In the order they came, whatever timers do.
function later(send) {
  const waiting = [];
  return (datagram) => {
    waiting.push(datagram);
    setTimeout(() => send(waiting.shift()), delay);
  };
}

function newSender(sender) {
  const far = dgram.createSocket('udp4');
  const back = later((datagram) => near.send(datagram, sender.port, sender.address));
  far.on('message', back);
  return later((datagram) => far.send(datagram, target, address));
}

near.on('message', (datagram, sender) => {
  const key = `${sender.address}:${sender.port}`;
  if (!senders.has(key)) senders.set(key, newSender(sender));
  senders.get(key)(datagram);
});
near.bind(port, address, () => console.log('ready'));
