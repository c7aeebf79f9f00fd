/** What somebody can attach to an issue: what happened and how it went, without names, addresses and words. */
import type { Reading, Stat } from "./readings.ts";

/** Something that happened, on the page's clock. */
export interface Happening {
  at: number;
  what: string;
}

export interface Told {
  browser: string;
  page: string;
  people: number;
  happenings: readonly Happening[];
  readings: readonly Reading[];
  raw: readonly Stat[];
}

/** Of whom and from where is nobody's business who reads an issue. */
const PRIVATE = new Set(["address", "ip", "relatedAddress", "url", "usernameFragment", "base64Certificate", "fingerprint"]);

export function reportOf({ browser, page, people, happenings, readings, raw }: Told, now: Date): string {
  const statistics = raw.map((stat) => Object.fromEntries(Object.entries(stat).filter(([field]) => !PRIVATE.has(field))));
  return JSON.stringify({ report: "volley", version: 1, written: now.toISOString(), page, browser, people, happenings, readings, statistics }, null, 1);
}

/** Hands a file to the person. */
export function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  // Some browsers fetch it only after the click was worked through.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
