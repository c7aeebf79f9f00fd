import { beforeEach, expect, test, vi } from "vitest";
import type { RoomEvents } from "../src/events.ts";
import type { FromServer, ServerMessage, TrackView } from "../src/messages.ts";
import { Room } from "../src/room.ts";
import { FakePeer, joined, settle, Sockets, stream, track } from "./fakes.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const GRACE = { participantId: "g", participantName: "Grace", hidden: false, handRaised: false, tracks: [CAMERA] };
const WISH = { roomId: "room", participantName: "Ada" };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("MediaStream", class {});
  FakePeer.made = [];
});

test("joining resolves with who we are and who is there", async () => {
  const { room, socket, addresses } = start();
  const joining = room.join(WISH);
  socket().opens();
  socket().says(joined({ participants: [GRACE] }));
  await expect(joining).resolves.toMatchObject({ participantId: "p1" });
  expect(addresses).toEqual(["wss://call.example/ws"]);
  expect([room.participantId, room.roomId, room.grants.includes("administer")]).toEqual(["p1", "room", true]);
  expect(room.participants.get("g")?.name).toBe("Grace");
});

test("a refusal rejects with its code, and is told", async () => {
  const { room, socket, heard } = start();
  const joining = room.join(WISH);
  socket().opens();
  socket().says({ type: "error", code: "room-full", message: "5 people are in this room" });
  await expect(joining).rejects.toMatchObject({ code: "room-full", message: "5 people are in this room" });
  expect(heard("ended")).toEqual([{ code: "room-full", message: "5 people are in this room" }]);
  expect(room.signaling.state).toBe("idle");
});

test("leaving ends a join that was never answered", async () => {
  const { room } = start();
  const joining = room.join(WISH);
  room.leave();
  await expect(joining).rejects.toMatchObject({ code: "left" });
});

test("a seat tells of its track once, whoever sits in it later", async () => {
  const { heard, says } = await inRoom();
  says({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  says({ type: "slots", slots: [{ mid: "1", participantId: null }] });
  expect(heard("track")).toEqual([]);
  says({ type: "slots", slots: [{ mid: "1", participantId: "g", trackId: "c", source: "camera" }] });
  says({ type: "slots", slots: [{ mid: "1", participantId: "h", trackId: "d", source: "camera" }] });
  const picture = FakePeer.last.transceivers[1]?.receiver.track;
  expect(heard("track")).toEqual([
    { seat: { id: "1", participantId: "g", trackId: "c", source: "camera" }, track: picture },
  ]);
  expect(heard("seats").length).toBe(4);
});

test("people who come, speak, write and go are told with their names", async () => {
  const { room, heard, says } = await inRoom();
  says({ type: "participant-joined", participantId: "h", participantName: "Hedy" });
  says({ type: "active-speakers", participantIds: ["h"] });
  says({ type: "chat", participantId: "h", participantName: "Hedy", text: "Good morning" });
  says({ type: "participant-left", participantId: "h" });
  expect(heard("participant-joined")).toMatchObject([{ id: "h", name: "Hedy" }]);
  expect(heard("participant-left")).toMatchObject([{ id: "h", name: "Hedy" }]);
  expect([room.speakers, heard("speakers")]).toEqual([["h"], [["h"]]]);
  expect(heard("chat")).toMatchObject([{ text: "Good morning" }]);
});

test("what is asked of the server goes out in its words", async () => {
  const { room, socket } = await inRoom();
  room.pin("g");
  room.chat("Hello");
  room.setQuality("low", { seat: "1", maxHeight: 180 });
  room.setQuality("auto");
  room.unsubscribe({ participantIds: ["g"] });
  room.subscribe();
  expect(socket().sent.slice(-6)).toMatchObject([
    { type: "pin", participantId: "g" },
    { type: "chat", text: "Hello" },
    { type: "update-quality", quality: "low", slot: "1", maxHeight: 180 },
    { type: "update-quality", quality: "auto" },
    { type: "unsubscribe", participantIds: ["g"] },
    { type: "subscribe" },
  ]);
});

test("lines of tiles are told when they have settled", async () => {
  const { room, socket } = await inRoom();
  room.setLines(new Map([["1", 170]]));
  vi.advanceTimersByTime(200);
  expect(socket().sent.at(-1)).toEqual({ type: "update-quality", quality: "auto", slot: "1", maxHeight: 180 });
});

test("a dropped socket comes back as the same person, with the same connection, and pins again", async () => {
  const { room, sockets, says } = await inRoom();
  room.pin("g");
  room.raiseHand(true);
  sockets.last.drops();
  expect(room.chat("lost"), "nobody hears it").toBe(false);
  vi.advanceTimersByTime(200);
  sockets.last.opens();
  expect(sockets.last.sent[0]).toMatchObject({ participantId: "p1", resumeToken: "secret" });
  says(joined({ resumed: true, participants: [GRACE] }));
  expect(sockets.last.sent).toContainEqual({ type: "pin", participantId: "g" });
  expect(sockets.last.sent).toContainEqual({ type: "raise-hand", raised: true });
  expect(FakePeer.made.length).toBe(1);
});

test("a server that has forgotten us is told again how good pictures are wished", async () => {
  const { room, sockets, says } = await inRoom();
  room.setQuality("low");
  says({ type: "error", code: "not-joined", message: "send join first" });
  sockets.last.opens();
  says(joined({ participantId: "p2" }));
  expect(sockets.last.sent).toContainEqual({ type: "update-quality", quality: "low" });
});

test("whoever is taken out has left, and is told why", async () => {
  const { room, heard, says } = await inRoom();
  says({ type: "error", code: "removed", message: "you were removed" });
  expect(heard("ended")).toEqual([{ code: "removed", message: "you were removed" }]);
  expect([room.pc, room.participants.size, room.signaling.state]).toEqual([null, 0, "idle"]);
});

test("a refused wish is told, and what mends itself is not", async () => {
  const { heard, says } = await inRoom();
  says({ type: "error", code: "bad-chat", message: "too long" });
  says({ type: "error", code: "unknown-track", message: "gone" });
  expect(heard("error")).toEqual([{ code: "bad-chat", message: "too long" }]);
});

test("packets that flowed and stop are given a new connection by itself", async () => {
  const { room, heard, socket } = await inRoom();
  const first = FakePeer.last;
  await answered(room, { type: "answer", sdp: "answer", tracks: [] });
  first.becomes("connected");
  first.becomes("failed");
  await settle();
  socket().opens();
  socket().says(joined({ resumed: true }));
  await answered(room, { type: "answer", sdp: "answer", tracks: [] });
  vi.advanceTimersByTime(11_000);
  expect(heard("media")).toEqual(["well", "weak", "new"]);
  expect(heard("renewed").length).toBe(2);
  expect([first.signalingState, FakePeer.made.length]).toEqual(["closed", 2]);
});

test("a way that never was is told once, and again after another try", async () => {
  const { room, heard } = await inRoom();
  await answered(room, { type: "answer", sdp: "answer", tracks: [] });
  vi.advanceTimersByTime(11_000);
  expect(heard("media")).toEqual(["failed"]);
  room.renew();
  vi.advanceTimersByTime(10);
  await settle();
  await answered(room, { type: "answer", sdp: "answer", tracks: [] });
  vi.advanceTimersByTime(11_000);
  expect(heard("media")).toEqual(["failed", "new", "failed"]);
});

test("a first way that takes longer than people wait is healed like any other", async () => {
  const { room, heard } = await inRoom();
  await answered(room, { type: "answer", sdp: "answer", tracks: [] });
  vi.advanceTimersByTime(11_000);
  FakePeer.last.becomes("connected");
  FakePeer.last.becomes("failed");
  expect(heard("media")).toEqual(["failed", "well", "weak"]);
});

test("what fails at once is started again after a pause", async () => {
  const { room, heard, says } = await inRoom();
  for (let time = 0; time < 5; time += 1) {
    says({ type: "answer", sdp: "answer", tracks: [] });
    says({ type: "error", code: "media-ended", message: "make a new one" });
    vi.advanceTimersByTime(1);
  }
  expect(heard("renewed").length, "joining, and the first time").toBe(2);
  vi.advanceTimersByTime(5000);
  expect(heard("renewed").length).toBe(3);
  expect(room.mediaState).toBe("new");
});

test("who joins another room has left the one before, with the screen that was shared there", async () => {
  const { room, sockets, socket } = await inRoom();
  const [before, peer] = [socket(), FakePeer.last];
  room.shareScreen(stream(track("video")));
  void room.join({ ...WISH, roomId: "another" }).catch(() => {});
  expect([before.sent.at(-1), peer.connectionState]).toEqual([{ type: "leave" }, "closed"]);
  sockets.last.opens();
  expect(sockets.last.sent.at(-1)).toMatchObject({ type: "join", roomId: "another" });
  await settle();
  expect(sockets.last.sent.filter(({ type }) => type === "start-screen-share")).toEqual([]);
});

test("devices may be given before joining and are offered at once", async () => {
  const { room, socket, says } = start();
  room.publish("microphone", track("audio"));
  void room.join(WISH);
  socket().opens();
  says(joined());
  await settle();
  expect(socket().sent.at(-1)).toMatchObject({ type: "offer", muted: ["1"] });
});

test("an unknown message is passed on and harms nothing", async () => {
  const { heard, says } = await inRoom();
  says({ type: "dance" } as never);
  expect(heard("message").at(-1)).toEqual({ type: "dance" });
});

test("somebody who comes directly sits in a direct seat, and the server is spared", async () => {
  const { room, heard, says, socket } = await inRoom();
  const byServer = FakePeer.last;
  room.publish("camera", track("video"));
  says({ type: "slots", slots: [{ mid: "1", participantId: "g", trackId: "c", source: "camera" }] });
  says({ type: "mode-changed", mode: "mesh" });
  expect(heard("mode")).toEqual(["mesh"]);
  says({ type: "signal", participantId: "g", kind: "offer", data: "offer" });
  await settle();
  FakePeer.last.becomes("connected");
  FakePeer.last.decoded = 1;
  await vi.advanceTimersByTimeAsync(200);
  expect([room.direct, room.seats.map(({ id }) => id)]).toEqual([["g"], ["direct/g/camera"]]);
  expect(room.trackOf("direct/g/camera")).toBe(FakePeer.last.transceivers[1]?.receiver.track);
  expect(byServer.transceivers[1]?.sent, "they may not see us yet").not.toBe(null);
  says({ type: "signal", participantId: "g", kind: "shown", data: "" });
  expect(byServer.transceivers[1]?.sent).toBe(null);
  room.setLines(new Map([["direct/g/camera", 360]]));
  await vi.advanceTimersByTimeAsync(200);
  expect(socket().sent.at(-1)).toMatchObject({ type: "signal", kind: "shown", data: "" });
  room.setLines(new Map([["direct/g/camera", 0]]));
  expect(socket().sent.at(-1)).toMatchObject({ type: "signal", kind: "shown", data: "camera" });
  says({ type: "mode-changed", mode: "sfu" });
  expect(byServer.transceivers[1]?.sent).not.toBe(null);
});

/** As the server says it, and what follows from it done. */
async function answered(room: Room, message: FromServer<"answer">): Promise<void> {
  room.signaling.dispatchEvent(new CustomEvent("message", { detail: message }));
  await settle();
}

function start() {
  const sockets = new Sockets();
  const addresses: string[] = [];
  const room = new Room({
    server: "https://call.example/some/page",
    open: (address) => {
      addresses.push(address);
      return sockets.open();
    },
  });
  const all: { name: string; detail: unknown }[] = [];
  const names: (keyof RoomEvents)[] = [
    "ended", "media", "participant-joined", "participant-left", "seats", "speakers", "track", "renewed", "mode", "chat", "error", "message",
  ];
  for (const name of names) room.on(name, (detail) => all.push({ name, detail }));
  const heard = (name: keyof RoomEvents) => all.filter((one) => one.name === name).map(({ detail }) => detail);
  const says = (message: ServerMessage) => sockets.last.says(message);
  return { room, sockets, socket: () => sockets.last, addresses, heard, says };
}

async function inRoom() {
  const started = start();
  const joining = started.room.join(WISH);
  started.sockets.last.opens();
  started.says(joined({ participants: [GRACE] }));
  await joining;
  await settle();
  return started;
}
