/** How well somebody comes through, in three steps: what a tile shows of its statistics. */
import type { Seat } from "volley-client";
import type { Flow, Reading } from "./readings.ts";

export type Mark = "good" | "fair" | "poor";

/** Of a hundred packets: repair hides less than this, and from the second on it is seen and heard. */
const [FAIR_LOSS, POOR_LOSS] = [3, 10];
/** A conversation feels slow from here on (ITU-T G.114 counts one way: 150 ms, 400 ms). */
const [FAIR_ROUND_TRIP_MS, POOR_ROUND_TRIP_MS] = [300, 800];

const ORDER: readonly Mark[] = ["good", "fair", "poor"];

/** Of those others whose sound or picture arrives, by their id. */
export function marksOf({ received }: Reading, seats: readonly Seat[]): Map<string, Mark> {
  const owners = new Map(seats.map(({ id, participantId }) => [id, participantId]));
  const marks = new Map<string, Mark>();
  for (const flow of received) {
    const owner = owners.get(flow.mid);
    if (!owner || flow.lossPercent === null) continue;
    marks.set(owner, worse(marks.get(owner) ?? "good", arriving(flow)));
  }
  return marks;
}

/** Of this person's own connection. */
export function ownMark({ sent, roundTripMs }: Reading): Mark {
  const loss = Math.max(0, ...sent.map(({ lossPercent }) => lossPercent ?? 0));
  const limited = sent.some(({ limitedBy }) => limitedBy === "bandwidth");
  const slow = graded(roundTripMs ?? 0, FAIR_ROUND_TRIP_MS, POOR_ROUND_TRIP_MS);
  return worse(worse(graded(loss, FAIR_LOSS, POOR_LOSS), slow), limited ? "fair" : "good");
}

function arriving({ lossPercent, newFreezes }: Flow): Mark {
  return worse(graded(lossPercent ?? 0, FAIR_LOSS, POOR_LOSS), newFreezes > 0 ? "poor" : "good");
}

function graded(value: number, fair: number, poor: number): Mark {
  if (value >= poor) return "poor";
  return value >= fair ? "fair" : "good";
}

function worse(one: Mark, other: Mark): Mark {
  return ORDER.indexOf(one) > ORDER.indexOf(other) ? one : other;
}
