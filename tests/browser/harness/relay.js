// Carries TCP from a port of localhost to the server; also a program, for another network:
//   node relay.js PORT SERVER
import net from 'node:net';

// Returns how to end it.
export async function relay(port, server) {
  const relay = net.createServer((near) => {
    const far = net.connect(port, server);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((done, fail) => relay.once('error', fail).listen(port, '127.0.0.1', done));
  return () => relay.close();
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  await relay(Number(process.argv[2]), process.argv[3]);
  console.log('ready');
}
