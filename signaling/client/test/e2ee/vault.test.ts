import { expect, test } from "vitest";
import type { FromWorker } from "../../src/e2ee/messages.ts";
import { LOCKED_AFTER_MS, TELL_EVERY_MS, Vault } from "../../src/e2ee/vault.ts";
import { FRAMES, Random } from "./tools.ts";

const random = new Random(9);
const FEW = 10;
const SEAT = { id: 4, kind: "audio" } as const;

test("without a key nothing goes out and nothing comes in", async () => {
  const { vault } = begin();
  expect(await vault.seal("microphone", "audio/opus", FRAMES.opus(random))).toBeNull();
  expect(await vault.open(SEAT, "audio/opus", FRAMES.opus(random), 0)).toBeNull();
  expect(vault.counters).toMatchObject({ sealed: 0, opened: 0, withheld: 1, keyless: 1 });
});

test("nothing goes out while another passphrase is being used, nor what nobody can seal", async () => {
  const { vault, told } = begin();
  await vault.make("correct horse", "meeting", FEW);
  const again = vault.make("battery staple", "meeting", FEW);
  expect(await vault.seal("microphone", "audio/opus", FRAMES.opus(random))).toBeNull();
  await again;
  expect(await vault.seal("microphone", "audio/red", FRAMES.opus(random))).toBeNull();
  expect(await vault.seal("microphone", undefined, FRAMES.opus(random))).toBeNull();
  expect(await vault.seal("camera", "video/VP8", random.bytes(0))).toBeNull();
  expect(vault.counters).toMatchObject({ sealed: 0, withheld: 4 });
  expect(new Set(told.map((message) => message.type === "ready" && message.code)).size).toBe(2);
});

test("of two passphrases given at once the last holds", async () => {
  const [one, two] = [begin(), begin()];
  await Promise.all([one.vault.make("correct horse", "meeting", 2000), one.vault.make("battery staple", "meeting", FEW)]);
  await two.vault.make("battery staple", "meeting", FEW);
  expect(one.told).toEqual(two.told);
});

test("two with the same passphrase understand each other and see the same code", async () => {
  const [one, two] = [begin(), begin()];
  await one.vault.make("correct horse", "meeting", FEW);
  await two.vault.make("correct horse", "meeting", FEW);
  const frame = FRAMES.opus(random);
  const sealed = (await one.vault.seal("microphone", "audio/opus", frame))!;
  expect(await two.vault.open(SEAT, "audio/opus", sealed, 0)).toEqual(frame);
  expect(one.told).toEqual(two.told);
});

test("an epoch that was told while keys were made holds when they are there", async () => {
  const { vault, told } = begin();
  const made = vault.make("correct horse", "meeting", FEW);
  await vault.advance(3);
  await made;
  expect(vault.forget(0)).toBe(false);
  expect(told.at(-1)).toMatchObject({ epoch: 3 });
});

test("a later epoch that a frame proves is told, and is used at once", async () => {
  const [one, two] = [begin(), begin()];
  await one.vault.make("correct horse", "meeting", FEW);
  await two.vault.make("correct horse", "meeting", FEW);
  await one.vault.advance(1);
  const sealed = (await one.vault.seal("microphone", "audio/opus", FRAMES.opus(random)))!;
  await two.vault.open(SEAT, "audio/opus", sealed, 0);
  expect(two.told.at(-1)).toEqual({ type: "epoch", epoch: 1 });
  await two.vault.advance(1);
  expect(two.told.filter(({ type }) => type === "epoch").length, "no news").toBe(1);
});

test("a seat is locked when all that comes cannot be opened for a while, and told of again and again", async () => {
  const [one, two] = [begin(), begin()];
  await one.vault.make("correct horse", "meeting", FEW);
  await two.vault.make("battery staple", "meeting", FEW);
  const come = async (at: number) => {
    const sealed = (await one.vault.seal("microphone", "audio/opus", FRAMES.opus(random)))!;
    expect(await two.vault.open(SEAT, "audio/opus", sealed, at)).toBeNull();
  };
  await come(0);
  await come(LOCKED_AFTER_MS - 1);
  expect(locks(two.told)).toEqual([]);
  await come(LOCKED_AFTER_MS);
  await come(LOCKED_AFTER_MS + 1);
  await come(LOCKED_AFTER_MS + TELL_EVERY_MS);
  expect(locks(two.told)).toEqual([true, true]);
  await two.vault.make("correct horse", "meeting", FEW);
  const sealed = (await one.vault.seal("microphone", "audio/opus", FRAMES.opus(random)))!;
  expect(await two.vault.open(SEAT, "audio/opus", sealed, 3000)).not.toBeNull();
  expect(locks(two.told)).toEqual([true, true, false]);
  expect(two.vault.counters).toMatchObject({ opened: 1, refused: { forged: 5 } });
});

function begin(): { vault: Vault; told: FromWorker[] } {
  const told: FromWorker[] = [];
  return { vault: new Vault((message) => told.push(message)), told };
}

function locks(told: FromWorker[]): boolean[] {
  return told.flatMap((message) => (message.type === "locked" ? [message.locked] : []));
}
