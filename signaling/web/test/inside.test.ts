import { expect, test } from "vitest";
import { gather } from "../src/inside/gather.ts";
import { marksOf, ownMark } from "../src/inside/marks.ts";
import { largest, pathOf, roundedUp } from "../src/inside/plot.ts";
import { type Flow, type Reading, readingOf, type Report, type Stat } from "../src/inside/readings.ts";
import { frozenPerMinute, layerOf, ratesOf } from "../src/inside/series.ts";
import { reportOf } from "../src/inside/report.ts";

const INBOUND = { id: "in1", type: "inbound-rtp", kind: "video", mid: "2", codecId: "c1" };

test("a rate is what came between two looks, and nothing is known at the first", () => {
  const [before, now] = [report(0, 10_000, 100, 0), report(2000, 135_000, 195, 5)];
  expect(readingOf(null, before, 0).receivedBitrate).toBe(0);
  const reading = readingOf(before, now, 2000);
  expect(reading.received[0]).toMatchObject({ mid: "2", bitrate: 500_000, lossPercent: 5, height: 360, width: 640, codec: "VP8", newFreezes: 1, freezes: 3 });
  expect(reading).toMatchObject({ receivedBitrate: 500_000, lossPercent: 5, jitterMs: 12, roundTripMs: 40, outgoing: 900_000, way: "udp" });
});

test("what is sent is judged by what the other side tells", () => {
  const outbound = (bytes: number, at: number): Stat[] => [
    { id: "out1", type: "outbound-rtp", timestamp: at, kind: "video", mid: "1", rid: "h", bytesSent: bytes, qualityLimitationReason: "bandwidth" },
    { id: "r1", type: "remote-inbound-rtp", timestamp: at, localId: "out1", fractionLost: 0.25, jitter: 0.01 },
  ];
  const reading = readingOf(asReport(outbound(0, 0)), asReport(outbound(25_000, 1000)), 1000);
  expect(reading.sent[0]).toMatchObject({ rid: "h", bitrate: 200_000, lossPercent: 25, jitterMs: 10, limitedBy: "bandwidth" });
  expect(ownMark(reading)).toBe("poor");
});

test("a counter that began anew gives no negative rate", () => {
  expect(readingOf(report(0, 50_000, 100, 0), report(1000, 10, 1, 0), 1000).receivedBitrate).toBe(0);
});

test("a person is as well heard and seen as the worst of what comes of them", () => {
  const reading = readingOf(report(0, 0, 0, 0), report(1000, 100, 96, 4), 1000);
  const seats = [{ id: "2", participantId: "g", trackId: "t", source: "camera" as const }];
  const calm = { ...reading, received: reading.received.map((flow) => ({ ...flow, newFreezes: 0 })) };
  expect(marksOf(calm, seats).get("g")).toBe("fair");
  expect(marksOf(reading, seats).get("g")).toBe("poor");
  expect(marksOf(reading, [])).toEqual(new Map());
});

test("who is heard directly has a mark, and what the server's connection says does not hide it", async () => {
  const pcOf = (stats: Stat[]) => ({ getStats: async () => asReport(stats) }) as unknown as RTCPeerConnection;
  const connection = (lost: number, at: number) => ({
    pc: pcOf([{ id: "p", type: "candidate-pair", timestamp: at, nominated: true, state: "succeeded", currentRoundTripTime: 0.02 }]),
    directConnections: [{
      participantId: "g",
      seatOf: (mid: string) => (mid === "1" ? "direct/g/camera" : null),
      pc: pcOf([
        { id: "p", type: "candidate-pair", timestamp: at, nominated: true, state: "succeeded", currentRoundTripTime: 0.5, localCandidateId: "c" },
        { id: "c", type: "local-candidate", timestamp: at, candidateType: "host", protocol: "udp" },
        { ...INBOUND, timestamp: at, mid: "1", codecId: "k", bytesReceived: at * 125, packetsReceived: at / 10, packetsLost: lost },
        { id: "k", type: "codec", timestamp: at, mimeType: "video/VP8" },
      ]),
    }],
  });
  const [before, now] = [await gather(connection(0, 0)), await gather(connection(20, 1000))];
  const reading = readingOf(before, now, 1000);
  expect(reading).toMatchObject({ receivedBitrate: 1_000_000, roundTripMs: 500, way: "udp" });
  expect(reading.received[0]).toMatchObject({ mid: "direct/g/camera", codec: "VP8" });
  const seats = [{ id: "direct/g/camera", participantId: "g", trackId: "t", source: "camera" as const }];
  expect([marksOf(reading, seats).get("g"), ownMark(reading)]).toEqual(["poor", "fair"]);
});

test("a connection that was closed meanwhile has nothing to tell", async () => {
  const closed = { getStats: () => Promise.reject(new Error("closed")) } as unknown as RTCPeerConnection;
  const connections = { pc: null, directConnections: [{ participantId: "g", pc: closed, seatOf: () => null }] };
  expect([await gather(connections), await gather({ pc: closed, directConnections: [] })]).toEqual([new Map(), new Map()]);
});

test("a slow way is seen in the own mark", () => {
  const own = (roundTripMs: number) => ownMark({ sent: [], roundTripMs } as unknown as Reading);
  expect([own(50), own(400), own(900)]).toEqual(["good", "fair", "poor"]);
});

test("a line goes from left to right, has gaps where nothing was known, and stays in its frame", () => {
  const frame = { width: 100, height: 50, until: 100, spanMs: 100, most: 10 };
  const points = [
    { at: -50, value: 3 },
    { at: 0, value: 0 },
    { at: 50, value: 5 },
    { at: 60, value: null },
    { at: 100, value: 20 },
  ];
  expect(pathOf(points, frame)).toBe("M0 50L50 25M100 0");
  expect(pathOf([], frame)).toBe("");
});

test("each track has a line of its own, with a gap wherever it was not there", () => {
  const flow = (key: string, bitrate: number) => ({ key, bitrate }) as Flow;
  const readings = [
    { at: 0, received: [flow("a", 100)], sent: [] },
    { at: 1, received: [flow("b", 7)], sent: [flow("l", 1)] },
    { at: 2, received: [flow("a", 300), flow("b", 8)], sent: [] },
  ] as unknown as Reading[];
  const values = (side: "received" | "sent") => [...ratesOf(readings, side)].map(([key, points]) => [key, points.map(({ value }) => value)]);
  expect(values("received")).toEqual([["a", [100, null, 300]], ["b", [null, 7, 8]]]);
  expect(values("sent")).toEqual([["l", [null, 1, null]]]);
});

test("freezes are the seconds of the last minute in which the worst picture stood still", () => {
  const reading = (at: number, ...frozen: (number | null)[]) =>
    ({ at, received: frozen.map((frozenMs, place) => ({ key: String(place), frozenMs })) }) as unknown as Reading;
  const readings = [reading(0, 500, null), reading(20_000, 1500, 3000), reading(50_000, 1000, 0), reading(61_000, 0, 0), reading(90_000, 0, 0)];
  expect(frozenPerMinute(readings).map(({ value }) => value)).toEqual([0.5, 3, 3, 3, 1]);
  expect(frozenPerMinute([reading(0, null)])[0]?.value, "a browser that does not tell").toBe(null);
  const stat = (at: number, seconds: number) => asReport([{ ...INBOUND, timestamp: at, totalFreezesDuration: seconds }]);
  expect(readingOf(stat(0, 1), stat(1000, 1.25), 1000).received[0]?.frozenMs).toBe(250);
  expect(readingOf(null, stat(0, 1), 0).received[0]?.frozenMs, "before the first look").toBe(0);
});

test("a layer is told by its name and size, as far as they are known", () => {
  const flow = { rid: "h", width: 1280, height: 720, framesPerSecond: 29.7, limitedBy: "cpu" } as Flow;
  expect(layerOf(flow)).toBe("h 1280×720 30/s cpu");
  expect(layerOf({ ...flow, rid: null, width: null, framesPerSecond: null, limitedBy: null })).toBe("720p");
  expect(layerOf({ ...flow, rid: "l", height: null, limitedBy: null })).toBe("l");
});

test("the upper edge is a round number", () => {
  expect([0, 3, 7, 20, 21, 140, 0.3].map((value) => roundedUp(value, 0.5))).toEqual([0.5, 5, 10, 20, 50, 200, 0.5]);
  expect(largest([{ at: 0, value: 3 }], [{ at: 0, value: null }, { at: 1, value: 7 }])).toBe(7);
});

test("a report tells how it went, and neither addresses nor keys", () => {
  const raw: Stat[] = [{ id: "l1", type: "local-candidate", timestamp: 0, address: "192.0.2.7", ip: "192.0.2.7", usernameFragment: "abcd", protocol: "udp" }];
  const text = reportOf({ browser: "b", page: "p", people: 2, happenings: [{ at: 1, what: "joined" }], readings: [], raw }, new Date(0));
  expect(text).not.toMatch(/192\.0\.2\.7|abcd/);
  expect(JSON.parse(text)).toMatchObject({ report: "volley", people: 2, happenings: [{ what: "joined" }], statistics: [{ protocol: "udp" }] });
});

function report(at: number, bytes: number, packets: number, lost: number): Report {
  return asReport([
    { ...INBOUND, timestamp: at, bytesReceived: bytes, packetsReceived: packets, packetsLost: lost, jitter: 0.012, frameWidth: 640, frameHeight: 360, framesPerSecond: 30, freezeCount: at > 0 ? 3 : 2 },
    { id: "c1", type: "codec", timestamp: at, mimeType: "video/VP8" },
    { id: "p1", type: "candidate-pair", timestamp: at, nominated: true, state: "succeeded", currentRoundTripTime: 0.04, availableOutgoingBitrate: 900_000, localCandidateId: "l1" },
    { id: "l1", type: "local-candidate", timestamp: at, protocol: "udp", candidateType: "host" },
  ]);
}

function asReport(stats: Stat[]): Report {
  return new Map(stats.map((stat) => [stat.id, stat]));
}
