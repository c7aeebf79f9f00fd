import { beforeEach, expect, test, vi } from "vitest";
import { Encryption, encryptionObstacle, sealable, transformWay } from "../../src/e2ee/encryption.ts";
import type { FromWorker, Place, ToWorker } from "../../src/e2ee/messages.ts";
import type { FromServer, TrackView } from "../../src/messages.ts";
import { Room } from "../../src/room.ts";
import { FakePeer, joined, settle, Sockets } from "../fakes.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const GRACE = { participantId: "g", participantName: "Grace", hidden: false, handRaised: false, tracks: [CAMERA] };
const WISH = { roomId: "room", participantName: "Ada" };
const SEAT = { mid: "1", participantId: "g", trackId: "c", source: "camera" };

class FakeWorker {
  static made: FakeWorker[] = [];
  heard: ToWorker[] = [];
  ended = false;
  onmessage: ((event: { data: FromWorker }) => void) | null = null;

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(message: ToWorker): void {
    this.heard.push(message);
  }

  terminate(): void {
    this.ended = true;
  }

  says(data: FromWorker): void {
    this.onmessage?.({ data });
  }
}

class FakeTransform {
  readonly worker;
  readonly place;

  constructor(worker: FakeWorker, place: Place) {
    this.worker = worker;
    this.place = place;
  }
}

beforeEach(() => {
  vi.unstubAllGlobals();
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal("RTCRtpScriptTransform", FakeTransform);
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => ({ codecs: [] }) });
  FakePeer.made = [];
  FakeWorker.made = [];
});

test("with a passphrase the server is told that and nothing of it, and the worker everything", async () => {
  const { socket } = await enter({ passphrase: "correct horse" });
  expect(socket.sent[0]).toMatchObject({ type: "join", e2ee: true, keyEpoch: 0 });
  expect(JSON.stringify(socket.sent)).not.toContain("horse");
  expect(worker().heard[0]).toEqual({ type: "key", passphrase: "correct horse", roomId: "room", epoch: 0 });
});

test("without one nothing is started, and nothing is in the way", async () => {
  const { room, socket } = await enter({});
  expect(socket.sent[0]).not.toHaveProperty("e2ee");
  expect(FakeWorker.made).toEqual([]);
  expect(places()).toEqual([]);
  expect(room.privacy).toEqual({ encrypted: false, locked: false, code: null, epoch: 0 });
  expect(() => room.unlock("correct horse")).toThrow("not encrypted");
});

test("every sender and receiver goes through the worker before anything is offered", async () => {
  await enter({ passphrase: "correct horse" });
  expect(places()).toEqual([
    { id: 1, way: "receive", kind: "audio" },
    { id: 2, way: "send", source: "microphone" },
    { id: 3, way: "receive", kind: "video" },
    { id: 4, way: "send", source: "camera" },
  ]);
});

test("whatever the server says of the room, who has a passphrase encrypts", async () => {
  await enter({ passphrase: "correct horse" }, { e2ee: false });
  expect(places().length).toBe(4);
});

test("who has none learns that the room is encrypted, is in nobody's way, and can open it later", async () => {
  const { room, socket, privacies } = await enter({}, { e2ee: true, participants: [GRACE] });
  expect(room.privacy).toMatchObject({ encrypted: true, locked: true, code: null });
  expect(places().length, "nothing leaves in the clear").toBe(4);
  socket.says({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  socket.says({ type: "slots", slots: [SEAT] });
  expect(room.isLocked("1")).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(socket.sent.at(-1)).toMatchObject({ type: "update-quality", slot: "1", maxHeight: 0 });
  room.unlock("correct horse");
  expect(room.privacy.locked).toBe(false);
  worker().says({ type: "ready", code: "12345", epoch: 0 });
  expect(room.isLocked("1")).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(socket.sent.at(-1)).toMatchObject({ type: "update-quality", slot: "1", maxHeight: 65_520 });
  expect(privacies.at(-1)).toEqual({ encrypted: true, locked: false, code: "12345", epoch: 0 });
});

test("when somebody leaves, keys are turned on, and whoever comes back says how far", async () => {
  const { room, socket, sockets } = await enter({ passphrase: "correct horse" }, { e2ee: true, keyEpoch: 4 });
  expect(worker().heard.at(-1)).toEqual({ type: "epoch", epoch: 4 });
  socket.says({ type: "key-epoch", keyEpoch: 5 });
  expect(worker().heard.at(-1)).toEqual({ type: "epoch", epoch: 5 });
  worker().says({ type: "epoch", epoch: 7 });
  expect(room.privacy.epoch).toBe(7);
  socket.drops();
  vi.advanceTimersByTime(1000);
  sockets.last.opens();
  expect(sockets.last.sent[0]).toMatchObject({ e2ee: true, keyEpoch: 7 });
});

test("a seat is locked while the worker says so, and no other is", async () => {
  const { room, socket } = await enter({ passphrase: "correct horse" }, { participants: [GRACE] });
  worker().says({ type: "ready", code: "12345", epoch: 0 });
  socket.says({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  worker().says({ type: "locked", id: 3, locked: true });
  expect([room.isLocked("0"), room.isLocked("1")]).toEqual([false, true]);
  worker().says({ type: "locked", id: 3, locked: false });
  expect(room.isLocked("1")).toBe(false);
  worker().says({ type: "locked", id: 3, locked: true });
  socket.says({ type: "slots", slots: [{ ...SEAT, participantId: "h" }] });
  expect(room.isLocked("1"), "somebody else sits there now").toBe(false);
});

test("who came with a wrong passphrase gives another one, and what was locked opens", async () => {
  const { room, socket } = await enter({ passphrase: "a wrong one" }, { e2ee: true, participants: [GRACE] });
  worker().says({ type: "ready", code: "54321", epoch: 0 });
  socket.says({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  socket.says({ type: "slots", slots: [SEAT] });
  worker().says({ type: "locked", id: 3, locked: true });
  expect([room.privacy.locked, room.isLocked("1")], "there is a key, and it does not fit").toEqual([false, true]);
  room.unlock("correct horse");
  expect(worker().heard.at(-1)).toEqual({ type: "key", passphrase: "correct horse", roomId: "room", epoch: 0 });
  worker().says({ type: "ready", code: "12345", epoch: 0 });
  expect([room.privacy.code, room.isLocked("1")]).toEqual(["12345", false]);
});

test("with the call its keys are gone, and the next one has its own or none", async () => {
  const { room } = await enter({ passphrase: "correct horse" });
  const first = worker();
  room.leave();
  expect(first.ended).toBe(true);
  expect(room.privacy.encrypted).toBe(false);
  room.join(WISH).catch(() => {});
  expect(FakeWorker.made.length).toBe(1);
});

test("counters are the worker's", async () => {
  const { room } = await enter({ passphrase: "correct horse" });
  const asked = room.sealCounters();
  const counters = { sealed: 1, opened: 2, withheld: 0, keyless: 0, unknownCodec: 0, refused: {} as never };
  worker().says({ type: "counted", question: 1, counters });
  expect(await asked).toBe(counters);
});

test("a browser that cannot encrypt is told so, and goes in nowhere", async () => {
  Reflect.deleteProperty(globalThis, "RTCRtpScriptTransform");
  const { room, sockets } = start();
  const ended: string[] = [];
  room.on("ended", ({ code }) => ended.push(code));
  await expect(room.join({ ...WISH, passphrase: "correct horse" })).rejects.toMatchObject({ code: "e2ee-unsupported" });
  expect([ended, sockets.count]).toEqual([["e2ee-unsupported"], 0]);
  const other = start();
  other.room.on("ended", ({ code }) => ended.push(code));
  const joining = other.room.join(WISH);
  other.sockets.last.opens();
  other.sockets.last.says(joined({ e2ee: true }));
  await expect(joining).rejects.toMatchObject({ code: "e2ee-unsupported" });
  expect([ended, FakePeer.made]).toEqual([["e2ee-unsupported", "e2ee-unsupported"], []]);
});

test("a page without a secure way to it is told that it takes https, whatever the browser can", async () => {
  vi.stubGlobal("crypto", {});
  const { room } = start();
  await expect(room.join({ ...WISH, passphrase: "correct horse" })).rejects.toThrow("https://");
  expect([encryptionObstacle()?.code, transformWay(), FakeWorker.made]).toEqual(["e2ee-insecure", null, []]);
  vi.stubGlobal("crypto", { subtle: {} });
  expect([encryptionObstacle(), transformWay()]).toEqual([null, "script"]);
});

test("whoever was refused before may try again", async () => {
  Reflect.deleteProperty(globalThis, "RTCRtpScriptTransform");
  const { room, sockets } = start();
  await expect(room.join({ ...WISH, passphrase: "correct horse" })).rejects.toMatchObject({ code: "e2ee-unsupported" });
  const joining = room.join(WISH);
  sockets.last.opens();
  sockets.last.says(joined());
  await expect(joining).resolves.toMatchObject({ participantId: "p1" });
});

test("where no key can be made the call stays locked, and takes another passphrase", async () => {
  const { room } = await enter({ passphrase: "correct horse" });
  expect(room.privacy.locked).toBe(false);
  worker().says({ type: "failed" });
  expect(room.privacy).toMatchObject({ encrypted: true, locked: true, code: null });
  room.unlock("battery staple");
  worker().says({ type: "ready", code: "12345", epoch: 0 });
  expect(room.privacy).toMatchObject({ locked: false, code: "12345" });
});

test("in Chromium before it had script transforms its streams go to the worker", async () => {
  Reflect.deleteProperty(globalThis, "RTCRtpScriptTransform");
  vi.stubGlobal("RTCRtpSender", class { createEncodedStreams(): void {} });
  const encryption = new Encryption({ worker: () => new FakeWorker() as never });
  expect(encryption.configuration).toEqual({ encodedInsertableStreams: true });
  const streams = { readable: { readable: true }, writable: { writable: true } };
  encryption.send({ createEncodedStreams: () => streams } as never, "camera");
  expect(worker().heard).toEqual([{ type: "attach", place: { id: 1, way: "send", source: "camera" }, ...streams }]);
});

test("of codecs those stay that can be sealed, the preferred one first", () => {
  const codec = (mimeType: string, sdpFmtpLine?: string) => ({ mimeType, ...(sdpFmtpLine && { sdpFmtpLine }) });
  const video = [
    codec("video/AV1"), codec("video/H265"), codec("video/rtx"), codec("video/VP8"), codec("video/red"), codec("video/ulpfec"),
    codec("video/H264", "packetization-mode=0"), codec("video/H264", "packetization-mode=1"), codec("video/VP9", "profile-id=2"),
  ];
  const names = (preferred: string | null) => sealable(video, preferred).map(({ mimeType }) => mimeType.split("/")[1]);
  expect(names(null)).toEqual(["VP8", "VP9", "H264", "AV1", "rtx", "red", "ulpfec"]);
  expect(names("av1")).toEqual(["AV1", "VP8", "VP9", "H264", "rtx", "red", "ulpfec"]);
  expect(sealable(video, null)).toContainEqual(codec("video/H264", "packetization-mode=1"));
  const audio = [codec("audio/red"), codec("audio/opus"), codec("audio/telephone-event"), codec("audio/PCMU")];
  expect(sealable(audio, null).map(({ mimeType }) => mimeType)).toEqual(["audio/opus", "audio/telephone-event"]);
});

function start() {
  const sockets = new Sockets();
  const room = new Room({ server: "https://call.example", open: () => sockets.open(), worker: () => new FakeWorker() as never });
  return { room, sockets };
}

async function enter(wish: { passphrase?: string }, said: Partial<FromServer<"joined">> = { e2ee: wish.passphrase !== undefined }) {
  const { room, sockets } = start();
  const privacies: unknown[] = [];
  room.on("privacy", (privacy) => privacies.push(privacy));
  const joining = room.join({ ...WISH, ...wish });
  const socket = sockets.last;
  socket.opens();
  socket.says(joined(said));
  await joining;
  await settle();
  return { room, socket, sockets, privacies };
}

function worker(): FakeWorker {
  return FakeWorker.made.at(-1)!;
}

/** What was put in the way, in its order. */
function places(): Place[] {
  const ends = FakePeer.last.transceivers.flatMap(({ sender, receiver }) => [sender, receiver] as { transform?: FakeTransform }[]);
  const found = ends.flatMap(({ transform }) => (transform ? [transform.place] : []));
  return found.sort((one, other) => one.id - other.id);
}
