import { beforeEach, expect, test, vi } from "vitest";
import { TOLD_TOGETHER_MS } from "../src/direct.ts";
import { boxesFor, DEFAULT_PICTURES } from "../src/layers.ts";
import { Mesh } from "../src/mesh.ts";
import type { ClientMessage, FromClient, FromServer, TrackView } from "../src/messages.ts";
import { People } from "../src/people.ts";
import { Publications } from "../src/publications.ts";
import { FakePeer, joined, settle, track } from "./fakes.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  FakePeer.made = [];
});

test("whoever came later asks, the other offers, and candidates wait for their description", async () => {
  const early = inRoom("3", "7");
  early.mesh.hear({ type: "mode-changed", mode: "mesh" });
  expect(early.said()).toEqual([]);
  await early.hears("ask");
  expect(early.said()).toEqual(["offer offer 1"]);
  await early.hears("candidate", "candidate:1");
  await early.hears("answer", "answer");
  expect(FakePeer.last.candidates).toEqual(["candidate:1"]);

  const late = inRoom("7", "3");
  late.mesh.hear({ type: "mode-changed", mode: "mesh" });
  expect(late.said()).toEqual(["ask "]);
  await late.hears("offer", "offer");
  expect(late.said()).toEqual(["ask ", "answer offer 1"]);
});

test("the server carries the call until a picture has come directly, at both ends", async () => {
  const { mesh, carried, said, hears } = await connected();
  await pass(500);
  expect([mesh.direct, carried()]).toEqual([[], false]);
  FakePeer.last.decoded = 1;
  await pass(100);
  expect(said().at(-1)).toBe("shown ");
  expect(mesh.seats()).toEqual([{ id: "direct/3/camera", participantId: "3", trackId: "c", source: "camera" }]);
  expect(mesh.receiverOf("direct/3/camera")).toBe(FakePeer.last.transceivers[1]?.receiver);
  expect(mesh.receiverOf("1"), "a seat of the server").toBe(undefined);
  expect(carried(), "they may not see us yet").toBe(false);
  await hears("shown");
  expect(carried()).toBe(true);
});

test("a third person brings all to the server, and the link stays until its pictures come", async () => {
  const { mesh, carried, said, hears, server } = await shown();
  mesh.hear({ type: "mode-changed", mode: "sfu" });
  expect(carried(), "at once").toBe(false);
  await pass(300);
  expect(mesh.direct).toEqual(["3"]);
  server.pictures += 1;
  await pass(100);
  expect([mesh.direct, said().at(-1)]).toEqual([[], "hidden "]);
  expect(FakePeer.last.connectionState, "they may look at us still").toBe("connected");
  await hears("hidden");
  await pass(100);
  expect(FakePeer.last.connectionState).toBe("closed");
});

test("whoever finds no way stays with the server, and tries again later", async () => {
  const { mesh, carried, said } = inRoom("7", "3");
  mesh.hear({ type: "mode-changed", mode: "mesh" });
  await hearsOffer(mesh);
  await pass(8200);
  expect([said().at(-1), mesh.direct, carried()]).toEqual(["hidden ", [], false]);
  expect(FakePeer.last.connectionState).toBe("closed");
  await pass(29_000);
  expect(said().at(-1)).toBe("hidden ");
  await pass(2000);
  expect(said().at(-1)).toBe("ask ");
});

test("a way that breaks gives the call back to the server at once, at both ends", async () => {
  const broken = await shown();
  FakePeer.last.becomes("disconnected");
  await settle();
  expect([broken.mesh.direct, broken.carried(), broken.said().at(-1)]).toEqual([[], false, "hidden "]);

  const told = await shown();
  await told.hears("hidden");
  expect([told.mesh.direct, told.carried()]).toEqual([[], false]);
});

test("whoever was found again soon is not looked for once more", async () => {
  const { mesh, said } = await shown();
  FakePeer.last.becomes("disconnected");
  await settle();
  await hearsOffer(mesh);
  const link = FakePeer.last;
  link.becomes("connected");
  link.decoded = 1;
  await pass(200);
  const asked = said().filter((one) => one === "ask ").length;
  await pass(31_000);
  expect([mesh.direct, link.connectionState]).toEqual([["3"], "connected"]);
  expect(said().filter((one) => one === "ask ").length).toBe(asked);
});

test("somebody who shows no camera is direct as soon as there is a way", async () => {
  const { mesh, people } = await connected();
  people.hear({ type: "track-muted", participantId: "3", trackId: "c", muted: true });
  await pass(100);
  expect(mesh.direct).toEqual(["3"]);
});

test("whoever leaves takes the link along", async () => {
  const { mesh, people, carried } = await shown();
  people.hear({ type: "participant-left", participantId: "3" });
  mesh.hear({ type: "participant-left", participantId: "3" });
  expect([mesh.direct, carried(), FakePeer.last.connectionState]).toEqual([[], false, "closed"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a page that was loaded again asks for a new link", async () => {
  const { mesh, said } = inRoom("3", "7");
  mesh.hear({ ...joined({ participantId: "3", mode: "mesh" }), resumed: true });
  expect(said()).toEqual(["ask "]);
});

test("with five others there is a link to each, and the server rests when all of them look at it", async () => {
  const others = ["1", "2", "3", "4", "5"];
  const { mesh, carried, said, hears, people } = inRoom("6", ...others);
  mesh.hear({ type: "mode-changed", mode: "mesh" });
  expect(said()).toEqual(others.map(() => "ask "));
  for (const other of others) await hears("offer", "offer", other);
  expect(FakePeer.made.length).toBe(5);
  for (const link of FakePeer.made) {
    link.becomes("connected");
    link.decoded = 1;
  }
  await pass(200);
  expect(mesh.direct).toEqual(others);
  for (const other of others.slice(1)) await hears("shown", "", other);
  expect(carried(), "one does not see us directly yet").toBe(false);
  await hears("shown", "", "1");
  expect(carried()).toBe(true);

  FakePeer.made[2]?.becomes("failed");
  await settle();
  expect([mesh.direct, carried()], "who has no way any more is served by the server, and with them we").toEqual([["1", "2", "4", "5"], false]);
  people.hear({ type: "participant-left", participantId: "3" });
  mesh.hear({ type: "participant-left", participantId: "3" });
  await pass(200);
  expect([mesh.direct, carried()]).toEqual([["1", "2", "4", "5"], true]);
});

test("candidates that are found together are told together", async () => {
  const { said, hears } = inMesh("3", "7");
  await hears("ask");
  const peer = FakePeer.last as unknown as RTCPeerConnection;
  for (const candidate of ["candidate:1", "candidate:2"]) {
    peer.onicecandidate?.({ candidate: { candidate } } as RTCPeerConnectionIceEvent);
  }
  await pass(TOLD_TOGETHER_MS);
  expect(said()).toEqual(["offer offer 1", "candidate candidate:1\ncandidate:2"]);
  await hears("answer", "answer");
  await hears("candidate", "candidate:3\ncandidate:4");
  expect(FakePeer.last.candidates).toEqual(["candidate:3", "candidate:4"]);
});

test("what is switched on later goes out without negotiation", async () => {
  const { publications } = await connected();
  const picture = track("video");
  publications.publish("camera", picture);
  expect(FakePeer.last.transceivers[1]?.sent).toBe(picture);
});

test("pictures that nobody looks at are not wanted, are again at once, and are not after a socket was lost", async () => {
  const { mesh, said } = await shown();
  const lines = (camera: number) => mesh.want(new Map([["direct/3/camera", camera], ["1", 0]]));
  lines(360);
  lines(720);
  expect(said().at(-1)).toBe("shown ");
  const told = said().length;
  lines(0);
  lines(0);
  expect(said().slice(told)).toEqual(["shown camera"]);
  mesh.hear({ ...joined({ participantId: "7", mode: "mesh" }), resumed: true });
  expect(said().slice(told)).toEqual(["shown camera", "shown camera"]);
  lines(360);
  expect(said().at(-1)).toBe("shown ");
  expect(mesh.direct).toEqual(["3"]);
});

test("whoever looks at no picture is sent none, and sound all the same", async () => {
  const { publications, hears, carried } = await shown();
  const [voice, picture] = [track("audio"), track("video")];
  publications.publish("microphone", voice);
  publications.publish("camera", picture);
  const sent = () => FakePeer.last.transceivers.slice(0, 2).map((line) => line.sent);
  await hears("shown", "microphone camera screen");
  expect([sent(), carried()]).toEqual([[voice, null], true]);
  const other = track("video");
  publications.publish("camera", other);
  expect(sent(), "another camera is as little use").toEqual([voice, null]);
  await hears("shown");
  expect(sent()).toEqual([voice, other]);
});

test("whoever may have asked for a picture while the socket was away is sent it", async () => {
  const { mesh, publications, hears } = await shown();
  publications.publish("camera", track("video"));
  await hears("shown", "camera");
  expect(FakePeer.last.transceivers[1]?.sent).toBeNull();
  mesh.hear({ ...joined({ participantId: "7", mode: "mesh" }), resumed: true });
  await settle();
  expect(FakePeer.last.transceivers[1]?.sent).not.toBeNull();
});

function inMesh(own: string, other: string) {
  const started = inRoom(own, other);
  started.mesh.hear({ type: "mode-changed", mode: "mesh" });
  return started;
}

function inRoom(own: string, ...others: string[]) {
  const messages: ClientMessage[] = [];
  const people = new People();
  const participants = others.map((participantId) => ({
    participantId,
    participantName: "Grace",
    hidden: false,
    handRaised: false,
    tracks: [CAMERA],
  }));
  people.hear(joined({ participantId: own, participants }));
  const server = { pictures: 5 };
  const publications = new Publications();
  const mesh = new Mesh({
    signaling: { participantId: own, send: (message: ClientMessage) => messages.push(message) > 0 },
    publications,
    boxes: boxesFor(DEFAULT_PICTURES),
    people: () => people.all,
    viaServer: async () => server.pictures,
  });
  let isCarried = false;
  mesh.on("carried", (carried) => (isCarried = carried));
  const said = () =>
    messages
      .filter((message): message is FromClient<"signal"> => message.type === "signal")
      .map(({ kind, data }) => `${kind} ${data}`);
  const hears = async (kind: FromServer<"signal">["kind"], data = "", from = others[0] ?? "") => {
    mesh.hear({ type: "signal", participantId: from, kind, data });
    await settle();
  };
  return { mesh, people, publications, server, said, hears, carried: () => isCarried };
}

async function hearsOffer(mesh: Mesh): Promise<void> {
  mesh.hear({ type: "signal", participantId: "3", kind: "offer", data: "offer" });
  await settle();
}

/** A link that packets have a way over; no picture has come yet. */
async function connected() {
  const started = inRoom("7", "3");
  started.mesh.hear({ type: "mode-changed", mode: "mesh" });
  await hearsOffer(started.mesh);
  FakePeer.last.becomes("connected");
  await settle();
  return started;
}

async function shown() {
  const started = await connected();
  FakePeer.last.decoded = 1;
  await pass(100);
  await started.hears("shown");
  return started;
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}
