/** Looks at the statistics of the call's connections every now and then, and keeps the last minutes. */
import type { Room } from "volley-client";
import { Changes } from "../state/changes.ts";
import { gather } from "./gather.ts";
import { type Mark, marksOf, ownMark } from "./marks.ts";
import { type Reading, type Report, readingOf, type Stat } from "./readings.ts";

/** A look costs the browser some milliseconds where dozens of pictures arrive; plots want more of them. */
const LOOK_EVERY_MS = 3000;
const LOOK_CLOSELY_EVERY_MS = 1000;
/** What the plots show. */
export const SPAN_MS = 120_000;
/** What a report tells; beyond it nobody remembers what happened. */
const KEPT_MS = 600_000;

export class Watch extends Changes {
  readings: Reading[] = [];
  marks: ReadonlyMap<string, Mark> = new Map();
  own: Mark = "good";
  #room;
  #before: Report | null = null;
  #pc: RTCPeerConnection | null = null;
  #timer: ReturnType<typeof setInterval> | null = null;
  #closely = false;

  constructor(room: Room) {
    super();
    this.#room = room;
  }

  get last(): Reading | null {
    return this.readings.at(-1) ?? null;
  }

  start(): void {
    this.stop();
    this.#timer = setInterval(() => void this.look(), this.#closely ? LOOK_CLOSELY_EVERY_MS : LOOK_EVERY_MS);
  }

  /** More often, while somebody looks at the plots. */
  closely(closely: boolean): void {
    if (this.#closely === closely) return;
    this.#closely = closely;
    if (this.#timer === null) return;
    this.start();
    if (closely) void this.look();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  clear(): void {
    this.stop();
    this.readings = [];
    this.marks = new Map();
    this.own = "good";
    this.#before = null;
  }

  /** What statistics say just now, whole. */
  async raw(): Promise<Stat[]> {
    return [...(await gather(this.#room)).values()];
  }

  async look(): Promise<void> {
    const pc = this.#room.pc;
    const report = await gather(this.#room);
    if (report.size === 0) return;
    if (pc !== this.#pc) this.#before = null;
    this.#pc = pc;
    const reading = readingOf(this.#before, report, performance.now());
    this.#before = report;
    this.readings = [...this.readings.filter(({ at }) => reading.at - at < KEPT_MS), reading];
    this.marks = marksOf(reading, this.#room.seats);
    this.own = ownMark(reading);
    this.changed();
  }
}
