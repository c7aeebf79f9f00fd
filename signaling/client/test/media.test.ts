import { beforeEach, expect, test, vi } from "vitest";
import { boxesFor, DEFAULT_PICTURES, type Encoding } from "../src/layers.ts";
import { Media } from "../src/media.ts";
import type { ClientMessage, FromClient, FromServer, ServerMessage, TrackView } from "../src/messages.ts";
import { Publications } from "../src/publications.ts";
import { FakePeer, joined, settle, stream, track } from "./fakes.ts";

const VOICE: TrackView = { trackId: "17", kind: "audio", source: "microphone", muted: true };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("MediaStream", class {});
  FakePeer.made = [];
});

test("the first offer names microphone and camera, muted while there is nothing", async () => {
  const { offers } = await start();
  expect(offers()).toEqual([
    { type: "offer", roomId: "room", sdp: "offer 1", sources: { 0: "microphone", 1: "camera" }, muted: ["0", "1"] },
  ]);
});

test("what is switched on later is unmuted without an offer", async () => {
  const { media, publications, said, offers } = await start();
  media.hear({ type: "answer", sdp: "answer", tracks: [VOICE] });
  await settle();
  publications.publish("microphone", track("audio"));
  expect(said.at(-1)).toEqual({ type: "unmute", trackId: "17" });
  publications.mute("microphone", true);
  expect(said.at(-1)).toEqual({ type: "mute", trackId: "17" });
  expect(offers().length).toBe(1);
});

test("as many m-lines are offered as the server can use, once for all", async () => {
  const { media, offers } = await start();
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  media.hear({ type: "request-offer", roomId: "room", receive: { audio: 3, video: 3 } });
  await settle();
  expect(FakePeer.last.transceivers.map(({ direction }) => direction)).toEqual([
    "sendrecv", "sendrecv", "recvonly", "recvonly", "recvonly", "recvonly",
  ]);
  expect(offers().length).toBe(2);
});

test("the first offer has room for those who are there, and for three at most", async () => {
  for (const [people, pairs] of [[1, 1], [2, 2], [3, 3], [8, 3]] as const) {
    const receive = { audio: people, video: people };
    const { media, offers } = await start({ receive }, { type: "request-offer", roomId: "room", receive });
    expect(FakePeer.last.transceivers.length).toBe(2 * pairs);
    media.hear({ type: "answer", sdp: "answer", tracks: [] });
    await settle();
    expect([FakePeer.last.transceivers.length, offers().length]).toEqual([2 * people, people > pairs ? 2 : 1]);
  }
});

test("a page that was loaded anew has room at once for as many as the page before it, and any server lets it in", async () => {
  const many = { audio: 8, video: 8 };
  await start({ resumed: true, receive: many });
  expect(FakePeer.last.transceivers.length).toBe(16);
  await start({ receive: undefined });
  expect(FakePeer.last.transceivers.length).toBe(2);
});

test("a screen is announced beside the camera, and its end is told", async () => {
  const { media, publications, said, offers } = await start();
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  publications.share(stream(track("video"), track("audio")));
  await settle();
  expect(offers().at(-1)).toMatchObject({
    type: "start-screen-share",
    sources: { 0: "microphone", 1: "camera", 2: "screen", 3: "screen-audio" },
  });
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  publications.share(null);
  expect(said.at(-1)).toEqual({ type: "stop-screen-share" });
  expect(FakePeer.last.transceivers.slice(2).map(({ direction }) => direction)).toEqual(["inactive", "inactive"]);
});

test("a screen that is shared again goes over the m-lines of before, and over others where a browser gave up encodings", async () => {
  const { media, publications, offers } = await start();
  const answer = async () => {
    media.hear({ type: "answer", sdp: "answer", tracks: [] });
    await settle();
  };
  await answer();
  for (const [screen, audio, givesUp] of [["2", "3", false], ["2", "3", true], ["4", "3", false]] as const) {
    publications.share(stream(track("video"), track("audio")));
    await settle();
    expect(offers().at(-1)?.sources).toEqual({ 0: "microphone", 1: "camera", [screen]: "screen", [audio]: "screen-audio" });
    expect(FakePeer.last.transceivers[Number(screen)]?.encodings.length).toBe(2);
    await answer();
    publications.share(null);
    await settle();
    expect(offers().at(-1)?.sources).toEqual({ 0: "microphone", 1: "camera" });
    await answer();
    if (givesUp) FakePeer.last.transceivers[2]?.encodings.pop();
  }
  expect(FakePeer.last.transceivers[2]?.direction).toBe("stopped");
});

test("a screen that goes on keeps its m-line, even where a browser sends fewer encodings than it was asked to", async () => {
  const { media, publications } = await start();
  publications.share(stream(track("video")));
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  FakePeer.last.transceivers[2]?.encodings.pop();
  publications.mute("microphone", true);
  await settle();
  expect(FakePeer.last.transceivers.map(({ direction }) => direction)).toEqual(["sendrecv", "sendrecv", "sendonly"]);
});

test("layers that nobody watches are paused", async () => {
  const { media, publications } = await start();
  publications.publish("camera", track("video"));
  const camera: TrackView = { trackId: "18", kind: "video", source: "camera", muted: false };
  media.hear({ type: "answer", sdp: "answer", tracks: [camera] });
  await settle();
  media.hear({ type: "publish-layers", trackId: "18", layers: [{ rid: "l", active: true }, { rid: "h", active: false }] });
  await settle();
  expect(FakePeer.last.transceivers[1]?.encodings).toMatchObject([{ active: true }, { active: true }, { active: false }]);
});

test("of a screen that is shared again everything is sent, whatever nobody watched of the one before", async () => {
  const { media, publications } = await start();
  const share = async (trackId: string) => {
    publications.share(stream(track("video")));
    await settle();
    media.hear({ type: "answer", sdp: "answer", tracks: [{ trackId, kind: "video", source: "screen", muted: false }] });
    await settle();
  };
  const active = () => FakePeer.last.transceivers[2]?.encodings.map((encoding) => (encoding as Encoding).active ?? true);
  await share("18");
  const unwatched = ["l", "h"].map((rid) => ({ rid, active: false }));
  media.hear({ type: "publish-layers", trackId: "18", layers: unwatched });
  await settle();
  expect(active()).toEqual([false, false]);
  publications.share(null);
  await settle();
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await share("19");
  expect(active()).toEqual([true, true]);
});

test("what somebody else muted is told, and what is off here stays off when it is given back", async () => {
  const { media, publications, said } = await start();
  media.hear({ type: "answer", sdp: "answer", tracks: [VOICE] });
  await settle();
  publications.publish("microphone", track("audio"));
  const silenced: string[] = [];
  media.on("silenced", (source) => {
    silenced.push(source);
    publications.mute("microphone", true);
  });
  media.hear({ type: "track-muted", participantId: "p1", trackId: "17", muted: true });
  expect(silenced).toEqual(["microphone"]);
  media.hear({ type: "track-muted", participantId: "p1", trackId: "17", muted: false });
  expect(said.at(-1)).toEqual({ type: "mute", trackId: "17" });
});

test("coming back tells an unanswered offer again and keeps the connection", async () => {
  const { media, offers } = await start();
  media.hear(joined({ resumed: true }));
  await settle();
  expect(offers().map(({ sdp }) => sdp)).toEqual(["offer 1", "offer 1"]);
  expect(FakePeer.made.length).toBe(1);
});

test("an offer that is told again names what it showed when it was made, and mutes what is muted now", async () => {
  const { media, publications, offers } = await start();
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  publications.share(stream(track("video")));
  await settle();
  const made = { type: "start-screen-share", sdp: "offer 2", sources: { 0: "microphone", 1: "camera", 2: "screen" } };
  expect(offers().at(-1)).toMatchObject({ ...made, muted: ["0", "1"] });
  publications.share(null);
  publications.publish("microphone", track("audio"));
  media.hear(joined({ resumed: true }));
  expect(offers().at(-1)).toMatchObject({ ...made, muted: ["1"] });
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  expect(offers().at(-1)).toEqual({ ...made, type: "offer", roomId: "room", sdp: "offer 3", sources: { 0: "microphone", 1: "camera" }, muted: ["1"] });
});

test("whoever comes back reaches relays with the credentials of now, and keeps the connection", async () => {
  const { media } = await start();
  const peer = FakePeer.last;
  const configured = vi.spyOn(peer, "setConfiguration");
  media.hear(joined({ resumed: true, iceServers: [relay("old")] }));
  media.hear(joined({ resumed: true, iceServers: [relay("new")] }));
  expect(peer.configuration).toEqual({ iceServers: [relay("new")], bundlePolicy: "max-bundle" });
  media.hear(joined({ resumed: true, iceServers: [relay("new")] }));
  expect(configured).toHaveBeenCalledTimes(2);
  expect(FakePeer.made.length).toBe(1);
});

test("credentials that are renewed during a call are used at once, and by the next connection", async () => {
  const { media } = await start();
  media.hear({ type: "ice-servers", iceServers: [relay("new")] });
  expect(FakePeer.last.configuration.iceServers).toEqual([relay("new")]);
  media.renew();
  expect(FakePeer.made.map(({ configuration }) => configuration.iceServers)).toEqual([[relay("new")], [relay("new")]]);
});

test("media that ended for the server is broken, and starts over with all m-lines at once", async () => {
  const { media, offers } = await start();
  media.hear({ type: "request-offer", roomId: "room", receive: { audio: 2, video: 2 } });
  const broken = vi.fn();
  media.on("broken", broken);
  const ended = { type: "error", code: "media-ended", message: "make a new one" } as const;
  media.hear({ type: "answer", sdp: "answer", tracks: [] });
  await settle();
  media.hear(ended);
  expect(broken).toHaveBeenCalledOnce();
  media.renew();
  media.hear(ended);
  expect(broken, "that was the one that is closed").toHaveBeenCalledOnce();
  await settle();
  expect(FakePeer.made.map(({ signalingState }) => signalingState)).toEqual(["closed", "have-local-offer"]);
  expect(FakePeer.last.transceivers.length).toBe(4);
  expect(offers().at(-1)?.sdp).toBe("offer 1");
});

test("what a moderator mutes is not taken back, even where the page does nothing", async () => {
  const { media, publications, said } = await start();
  publications.publish("microphone", track("audio"));
  const microphone: TrackView = { trackId: "17", kind: "audio", source: "microphone", muted: false };
  media.hear({ type: "answer", sdp: "answer", tracks: [microphone] });
  await settle();
  const { length } = said;
  const silenced = vi.fn();
  media.on("silenced", silenced);
  media.hear({ type: "track-muted", participantId: "p1", trackId: "17", muted: true });
  await settle();
  expect([silenced.mock.calls, publications.isMuted("microphone"), said.length]).toEqual([[["microphone"]], true, length]);
  publications.mute("microphone", false);
  expect(said.at(-1)).toEqual({ type: "unmute", trackId: "17" });
});

test("what a moderator muted while the socket was away stays muted, and is told", async () => {
  const { media, publications, said } = await start();
  publications.publish("microphone", track("audio"));
  publications.publish("camera", track("video"));
  const microphone: TrackView = { trackId: "17", kind: "audio", source: "microphone", muted: false };
  const camera: TrackView = { trackId: "18", kind: "video", source: "camera", muted: false };
  media.hear({ type: "answer", sdp: "answer", tracks: [microphone, camera] });
  await settle();
  const silenced = vi.fn();
  media.on("silenced", silenced);
  const { length } = said;
  const back = joined({ resumed: true, tracks: [{ ...microphone, muted: true }, camera], silenced: ["17"] });
  media.hear(back);
  const isMuted = () => [publications.isMuted("microphone"), publications.isMuted("camera")];
  expect([silenced.mock.calls, isMuted()]).toEqual([[["microphone"]], [true, false]]);
  const word = (type: string) => said.slice(length).filter((one) => one.type === type);
  expect([word("mute"), word("unmute")]).toEqual([[], []]);

  publications.mute("microphone", false);
  expect(word("unmute")).toEqual([{ type: "unmute", trackId: "17" }]);
});

test("whoever knew of it and unmuted while the socket was away is unmuted", async () => {
  const { media, publications, said, server } = await start();
  publications.publish("microphone", track("audio"));
  media.hear({ type: "answer", sdp: "answer", tracks: [{ ...VOICE, muted: false }] });
  await settle();
  media.hear({ type: "track-muted", participantId: "p1", trackId: "17", muted: true });
  server.hears = false;
  publications.mute("microphone", false);
  server.hears = true;
  media.hear(joined({ resumed: true, tracks: [VOICE], silenced: ["17"] }));
  expect(publications.isMuted("microphone")).toBe(false);
  expect(said).toContainEqual({ type: "unmute", trackId: "17" });
});

test("a page that was loaded anew is muted as it was", async () => {
  const { media, publications, offers } = await start({ resumed: true, tracks: [VOICE], silenced: ["17"] });
  publications.publish("microphone", track("audio"));
  expect([publications.isMuted("microphone"), offers().at(-1)?.muted]).toEqual([true, ["0", "1"]]);
  media.close();
});

/** A server with these credentials. */
function relay(username: string) {
  return { urls: ["turn:turn.example.org"], username, credential: "secret" };
}

/** In the room, the first offer told. */
async function start(entered: Partial<FromServer<"joined">> = {}, ...atOnce: ServerMessage[]) {
  const said: ClientMessage[] = [];
  const server = { hears: true };
  const signaling = {
    participantId: "p1",
    roomId: "room",
    state: "joined",
    reconnect: () => {},
    send: (message: ClientMessage) => server.hears && said.push(message) > 0,
  };
  const publications = new Publications();
  const boxes = boxesFor(DEFAULT_PICTURES);
  const media = new Media({ signaling: signaling as never, publications, boxes, codec: null, mode: null });
  for (const message of [joined(entered), ...atOnce]) media.hear(message);
  await settle();
  const offers = () =>
    said.filter((message): message is FromClient<"offer" | "start-screen-share"> => "sdp" in message);
  return { media, publications, said, offers, server };
}
