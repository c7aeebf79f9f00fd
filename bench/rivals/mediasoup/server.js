// A small signalling server around one mediasoup worker, for volley-bench.
//
// Requests are JSON objects over one WebSocket, {id, method, ...}, answered by {id, ok} or
// {id, error}. One router per room, one transport per direction and person. Whoever joins gets what
// the others publish, and later what comes after them, without being asked: the load recognises
// what it receives.
//
// Environment: VOLLEY_BENCH_IP (where to listen), VOLLEY_BENCH_PORT (WebSocket),
// VOLLEY_BENCH_MEDIA_PORT (one UDP port for all).

import * as mediasoup from "mediasoup";
import { WebSocketServer } from "ws";

const IP = setting("VOLLEY_BENCH_IP");
const PORT = Number(setting("VOLLEY_BENCH_PORT"));
const MEDIA_PORT = Number(setting("VOLLEY_BENCH_MEDIA_PORT"));

const CODECS = [
  { kind: "audio", mimeType: "audio/opus", clockRate: 48000, channels: 2, preferredPayloadType: 111 },
  {
    kind: "video",
    mimeType: "video/VP8",
    clockRate: 90000,
    preferredPayloadType: 96,
    rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }, { type: "ccm", parameter: "fir" }],
  },
];

// Feedback that is neither transport-cc nor REMB: without them a worker estimates no bandwidth, so
// that it sends no probes, holds nothing back, and has less to do.
const FEEDBACK = new Set(["nack", "nack pli", "ccm fir"]);

// Receive and send buffer of the one UDP socket, in bytes: bursts of all rooms come through it.
const SOCKET_BUFFER = 8 * 1024 * 1024;

const worker = await mediasoup.createWorker({ logLevel: "warn" });
worker.on("died", (error) => fail(`the mediasoup worker died: ${error.message}`));
const listenInfo = { protocol: "udp", ip: IP, port: MEDIA_PORT, recvBufferSize: SOCKET_BUFFER, sendBufferSize: SOCKET_BUFFER };
const media = await worker.createWebRtcServer({ listenInfos: [listenInfo] });

/** Room number → {routing: promise of a router, people: Map<number, Person>, joining: number}. */
const rooms = new Map();

function enter(number) {
  if (!rooms.has(number)) {
    rooms.set(number, { routing: worker.createRouter({ mediaCodecs: CODECS }), people: new Map(), joining: 0 });
  }
  const entered = rooms.get(number);
  entered.joining += 1;
  return entered;
}

async function closeIfEmpty(number) {
  const room = rooms.get(number);
  if (!room || room.people.size || room.joining) return;
  rooms.delete(number);
  (await room.routing).close();
}

async function transport(router, fingerprint) {
  const made = await router.createWebRtcTransport({
    webRtcServer: media,
    enableUdp: true,
    enableTcp: false,
  });
  await made.connect({ dtlsParameters: { role: "client", fingerprints: [{ algorithm: "sha-256", value: fingerprint }] } });
  return made;
}

function described({ iceParameters, iceCandidates, dtlsParameters }) {
  const { value } = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === "sha-256");
  const { usernameFragment, password } = iceParameters;
  const { address, port } = iceCandidates[0];
  return { ufrag: usernameFragment, password, address, port, fingerprint: value };
}

/** Payload types of a router: {opus, vp8, rtx}. */
function payloadTypes(router) {
  const number = (mimeType) =>
    router.rtpCapabilities.codecs.find((codec) => codec.mimeType === mimeType).preferredPayloadType;
  return { opus: number("audio/opus"), vp8: number("video/VP8"), rtx: number("video/rtx") };
}

/** What a person can receive: all codecs, and no header extension. */
function receiveCapabilities(router) {
  const isKept = ({ type, parameter }) => FEEDBACK.has(parameter ? `${type} ${parameter}` : type);
  const codecs = router.rtpCapabilities.codecs.map((codec) => ({
    ...codec,
    rtcpFeedback: codec.rtcpFeedback.filter(isKept),
  }));
  return { codecs, headerExtensions: [] };
}

/** What a person sends, as mediasoup wants to hear of it. */
function sendParameters({ kind, ssrc, rtxSsrc }, types, cname) {
  const common = { headerExtensions: [], rtcp: { cname, reducedSize: true } };
  if (kind === "audio") {
    const codec = { mimeType: "audio/opus", payloadType: types.opus, clockRate: 48000, channels: 2 };
    return { ...common, codecs: [{ ...codec, parameters: { usedtx: 1 } }], encodings: [{ ssrc, dtx: true }] };
  }
  const { rtcpFeedback } = CODECS[1];
  const codecs = [{ mimeType: "video/VP8", payloadType: types.vp8, clockRate: 90000, rtcpFeedback }];
  if (rtxSsrc) {
    codecs.push({ mimeType: "video/rtx", payloadType: types.rtx, clockRate: 90000, parameters: { apt: types.vp8 } });
  }
  return { ...common, codecs, encodings: [rtxSsrc ? { ssrc, rtx: { ssrc: rtxSsrc } } : { ssrc }] };
}

async function watch(router, watcher, publisher) {
  if (!watcher.receive || watcher === publisher || watcher.watched.size >= watcher.watch) return;
  if (!publisher.producers.length || watcher.watched.has(publisher)) return;
  watcher.watched.add(publisher);
  const rtpCapabilities = receiveCapabilities(router);
  await Promise.all(
    publisher.producers.map((producer) => watcher.receive.consume({ producerId: producer.id, rtpCapabilities })),
  );
}

async function join(request) {
  const room = enter(request.room);
  try {
    return await admit(room, request);
  } finally {
    room.joining -= 1;
    await closeIfEmpty(request.room);
  }
}

async function admit({ routing, people }, { room, person, publish, watch: limit, fingerprint }) {
  if (people.has(person)) throw new Error(`person ${person} is in room ${room} already`);
  const router = await routing;
  const types = payloadTypes(router);
  const [send, receive] = await Promise.all([
    publish.length ? transport(router, fingerprint) : null,
    limit > 0 ? transport(router, fingerprint) : null,
  ]);
  const cname = `${room}-${person}`;
  const producers = await Promise.all(
    publish.map((stream) =>
      send.produce({ kind: stream.kind, rtpParameters: sendParameters(stream, types, cname) }),
    ),
  );
  const joined = { send, receive, producers, watch: limit, watched: new Set() };
  const others = [...people.values()];
  people.set(person, joined);
  await Promise.all(others.flatMap((other) => [watch(router, joined, other), watch(router, other, joined)]));
  return { types, send: send && described(send), receive: receive && described(receive) };
}

async function leave({ room: number, person }) {
  const people = rooms.get(number)?.people;
  const left = people?.get(person);
  if (!left) throw new Error(`person ${person} is not in room ${number}`);
  people.delete(person);
  left.send?.close();
  left.receive?.close();
  people.forEach((other) => other.watched.delete(left));
  await closeIfEmpty(number);
  return {};
}

const METHODS = { join, leave };

const server = new WebSocketServer({ host: IP, port: PORT });
server.on("error", (error) => fail(`the WebSocket cannot be opened: ${error.message}`));
server.on("connection", (socket) => {
  socket.on("message", async (text) => {
    const { id, method, ...request } = JSON.parse(text);
    try {
      const handle = METHODS[method];
      if (!handle) throw new Error(`there is no method ${method}`);
      socket.send(JSON.stringify({ id, ok: await handle(request) }));
    } catch (error) {
      socket.send(JSON.stringify({ id, error: error.message }));
    }
  });
});
server.on("listening", () => console.log(`mediasoup ${mediasoup.version} listens on ws://${IP}:${PORT}, UDP ${MEDIA_PORT}`));
process.on("SIGTERM", () => {
  worker.close();
  process.exit(0);
});

function setting(name) {
  const value = process.env[name];
  if (!value) fail(`${name} is not set; volley-bench sets it`);
  return value;
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}
