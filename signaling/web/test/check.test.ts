import { expect, test, vi } from "vitest";
import type { Tried } from "volley-client";
import { Checkup, type Instruments } from "../src/check/checkup.ts";
import { roomOfToken } from "../src/check/token.ts";
import { CHECK_LANGUAGES, type CheckWord } from "../src/check/words.ts";

const WORDS = Object.keys(CHECK_LANGUAGES.en) as CheckWord[];
const blanksOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test("every language says everything, with the same blanks to fill in", () => {
  for (const [language, words] of Object.entries(CHECK_LANGUAGES)) {
    expect(Object.keys(words), language).toEqual(WORDS);
    for (const word of WORDS) expect(blanksOf(words[word]), `${language} ${word}`).toEqual(blanksOf(CHECK_LANGUAGES.en[word]));
  }
  expect(WORDS.filter((word) => CHECK_LANGUAGES.en[word] === CHECK_LANGUAGES.de[word])).toEqual([]);
});

test("who is heard and seen and reaches the server by UDP can take part", async () => {
  const checkup = await after({});
  expect(checkup.verdict).toBe("well");
  expect(checkup.results.udp.text).toContain("after 80 ms");
  expect(checkup.results.relay).toMatchObject({ grade: "none" });
});

test("without UDP a call goes another way, and what to allow is said", async () => {
  const checkup = await after({ udp: { outcome: "blocked" } });
  expect([checkup.verdict, checkup.results.udp.grade]).toEqual(["flawed", "bad"]);
  expect(checkup.results.udp.text).toContain("allow UDP to call.example");
});

test("where no way for media is open, or no server, no call works", async () => {
  const none = { outcome: "blocked" } as const;
  expect((await after({ udp: none, tcp: none, relay: none })).verdict).toBe("bad");
  const untried = { outcome: "untried" } as const;
  expect((await after({ websocket: none, udp: untried, tcp: untried, relay: untried })).verdict).toBe("bad");
});

test("a relay that takes no credentials is told from one that is not there", async () => {
  const refused = await after({ relay: { outcome: "blocked", code: "relay-credentials" } });
  expect(refused.results.relay.text).toContain("volley doctor");
  const away = await after({ relay: { outcome: "blocked", code: "relay-unreachable" } });
  expect(away.results.relay.text).toContain("No relay can be reached");
});

test("a server that wants a token says so, in the words of the lobby", async () => {
  const untried = { outcome: "untried", code: "token-missing", message: "bring one" } as const;
  const checkup = await after({ udp: untried, tcp: untried, relay: untried });
  expect(checkup.results.udp.text).toMatch(/^The server lets nobody in without leave: ./);
});

test("a silent microphone, a dark camera and a refused one each have a way out", async () => {
  const checkup = await after({}, { listen: async () => ({ loudest: 0 }), look: async () => ({ seen: false }) });
  expect([checkup.results.microphone.grade, checkup.results.camera.grade, checkup.verdict]).toEqual(["flawed", "flawed", "flawed"]);
  const refused = await after({}, { listen: () => Promise.reject(new DOMException("", "NotAllowedError")) });
  expect(refused.results.microphone).toMatchObject({ grade: "bad" });
  expect(refused.results.microphone.text).toContain("Allow it in the address bar");
});

test("the report has a line for each thing, for an administrator", async () => {
  vi.stubGlobal("navigator", { userAgent: "Some/1.0" });
  const lines = (await after({ udp: { outcome: "blocked" } })).report.split("\n");
  expect(lines[0]).toContain("call.example, Some/1.0");
  expect(lines).toHaveLength(7);
});

test("a token says which room it is for, and nonsense none", () => {
  const claims = btoa(JSON.stringify({ sub: "ada", room: "meeting" })).replace(/=+$/, "");
  expect(roomOfToken(`x.${claims}.y`)).toBe("meeting");
  expect([roomOfToken(undefined), roomOfToken("nonsense"), roomOfToken(`x.${btoa("7")}.y`)]).toEqual([null, null, null]);
});

type Outcomes = Partial<Record<Tried["way"], Partial<Tried>>>;

/** A checkup that found this, and all else as it should be. */
async function after(outcomes: Outcomes, instruments: Partial<Instruments> = {}): Promise<Checkup> {
  const usual: Outcomes = { websocket: { outcome: "well" }, udp: { outcome: "well" }, tcp: { outcome: "well" }, relay: { outcome: "none" } };
  const ways = Object.entries({ ...usual, ...outcomes }).map(([way, found]) => ({ way, ms: 80, outcome: "well", ...found }) as Tried);
  const checkup = new Checkup({
    listen: async () => ({ loudest: 0.4 }),
    look: async () => ({ seen: true }),
    tryWays: async (tell) => ways.forEach(tell),
    host: "call.example",
    ...instruments,
  });
  await checkup.run();
  return checkup;
}
