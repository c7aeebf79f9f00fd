/**
 * What statistics of a connection say, told for the time between two looks: pure functions over what
 * `getStats` gives, as plain data.
 */

import { DIRECT } from "./gather.ts";

/** One object of a statistics report; which fields it has depends on its type and on the browser. */
export type Stat = { id: string; type: string; timestamp: number } & Record<string, unknown>;

/** What goes over one m-line in one direction, or one layer of it. */
export interface Flow {
  /** Stays the same from look to look. */
  key: string;
  mid: string;
  kind: "audio" | "video";
  rid: string | null;
  /** Bits a second, payload and repair together. */
  bitrate: number;
  /** Of a hundred packets, how many were lost. */
  lossPercent: number | null;
  jitterMs: number | null;
  framesPerSecond: number | null;
  width: number | null;
  height: number | null;
  /** Pictures that stood still, since the beginning, and in this time. */
  freezes: number | null;
  newFreezes: number;
  /** For how long the picture stood still in this time; null where the browser does not tell. */
  frozenMs: number | null;
  codec: string | null;
  /** Why less is sent than could be: `bandwidth`, `cpu` or nothing. */
  limitedBy: string | null;
}

export interface Reading {
  /** Milliseconds on the page's clock. */
  at: number;
  roundTripMs: number | null;
  /** What the browser believes can be sent, bits a second. */
  outgoing: number | null;
  sentBitrate: number;
  receivedBitrate: number;
  lossPercent: number | null;
  jitterMs: number | null;
  freezes: number;
  sent: Flow[];
  received: Flow[];
  /** `udp`, `tcp`, or over a relay. */
  way: string | null;
}

export type Report = ReadonlyMap<string, Stat>;

/** What happened between two looks; null for the first one. */
export function readingOf(before: Report | null, now: Report, at: number): Reading {
  const all = [...now.values()];
  const received = all.filter(({ type }) => type === "inbound-rtp").map((stat) => inbound(stat, before, now));
  const sent = all.filter(({ type }) => type === "outbound-rtp").map((stat) => outbound(stat, before, now));
  const pairs = pairsOf(all);
  const losses = received.filter(({ bitrate }) => bitrate > 0).flatMap(({ lossPercent }) => lossPercent ?? []);
  const jitters = received.filter(({ bitrate }) => bitrate > 0).flatMap(({ jitterMs }) => jitterMs ?? []);
  return {
    at,
    roundTripMs: times(extreme(Math.max, pairs, "currentRoundTripTime"), 1000),
    outgoing: extreme(Math.min, pairs, "availableOutgoingBitrate"),
    sentBitrate: sum(sent),
    receivedBitrate: sum(received),
    lossPercent: mean(losses),
    jitterMs: mean(jitters),
    freezes: received.reduce((total, { freezes }) => total + (freezes ?? 0), 0),
    sent,
    received,
    way: wayOf(pairs[0], now),
  };
}

/** The ways that packets take: what goes directly goes not by the server, which then has nothing to tell. */
function pairsOf(all: readonly Stat[]): Stat[] {
  const used = all.filter((stat) => stat.type === "candidate-pair" && stat["nominated"] === true && stat["state"] === "succeeded");
  const direct = used.filter(({ id }) => id.startsWith(DIRECT));
  return direct.length > 0 ? direct : used.slice(0, 1);
}

/** The worst of them; null where none tells. */
function extreme(worst: (...values: number[]) => number, stats: readonly Stat[], field: string): number | null {
  const values = stats.flatMap((stat) => number(stat, field) ?? []);
  return values.length === 0 ? null : worst(...values);
}

function inbound(stat: Stat, before: Report | null, now: Report): Flow {
  const old = before?.get(stat.id);
  const lost = grown(old, stat, "packetsLost");
  const came = grown(old, stat, "packetsReceived");
  const freezes = number(stat, "freezeCount");
  return {
    ...common(stat, now),
    rid: null,
    bitrate: rate(old, stat, "bytesReceived"),
    lossPercent: lost + came > 0 ? (100 * Math.max(0, lost)) / (Math.max(0, lost) + came) : null,
    jitterMs: times(number(stat, "jitter"), 1000),
    freezes,
    newFreezes: Math.max(0, grown(old, stat, "freezeCount")),
    frozenMs: "totalFreezesDuration" in stat ? (old ? Math.max(0, grown(old, stat, "totalFreezesDuration")) * 1000 : 0) : null,
    limitedBy: null,
  };
}

function outbound(stat: Stat, before: Report | null, now: Report): Flow {
  const told = [...now.values()].find((one) => one.type === "remote-inbound-rtp" && one["localId"] === stat.id);
  const reason = stat["qualityLimitationReason"];
  return {
    ...common(stat, now),
    rid: typeof stat["rid"] === "string" ? stat["rid"] : null,
    bitrate: rate(before?.get(stat.id), stat, "bytesSent"),
    lossPercent: times(number(told, "fractionLost"), 100),
    jitterMs: times(number(told, "jitter"), 1000),
    freezes: null,
    newFreezes: 0,
    frozenMs: null,
    limitedBy: typeof reason === "string" && reason !== "none" ? reason : null,
  };
}

function common(stat: Stat, now: Report): Pick<Flow, "key" | "mid" | "kind" | "framesPerSecond" | "width" | "height" | "codec"> {
  const codec = now.get(String(stat["codecId"]))?.["mimeType"];
  return {
    key: stat.id,
    mid: String(stat["mid"] ?? ""),
    kind: stat["kind"] === "audio" ? "audio" : "video",
    framesPerSecond: number(stat, "framesPerSecond"),
    width: number(stat, "frameWidth"),
    height: number(stat, "frameHeight"),
    codec: typeof codec === "string" ? (codec.split("/")[1] ?? null) : null,
  };
}

function wayOf(pair: Stat | undefined, now: Report): string | null {
  const local = now.get(String(pair?.["localCandidateId"]));
  if (!local) return null;
  const protocol = String(local["protocol"] ?? "");
  return local["candidateType"] === "relay" ? `relay, ${String(local["relayProtocol"] ?? protocol)}` : protocol;
}

function number(stat: Stat | undefined, field: string): number | null {
  const value = stat?.[field];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function grown(old: Stat | undefined, stat: Stat, field: string): number {
  return (number(stat, field) ?? 0) - (number(old, field) ?? 0);
}

/** Bits a second. Without an earlier look nothing is known. */
function rate(old: Stat | undefined, stat: Stat, field: string): number {
  const seconds = old ? (stat.timestamp - old.timestamp) / 1000 : 0;
  return seconds > 0 ? Math.max(0, (grown(old, stat, field) * 8) / seconds) : 0;
}

function sum(flows: readonly Flow[]): number {
  return flows.reduce((total, { bitrate }) => total + bitrate, 0);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length;
}

function times(value: number | null, factor: number): number | null {
  return value === null ? null : value * factor;
}
