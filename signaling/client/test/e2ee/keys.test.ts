import { hkdfSync, pbkdf2Sync } from "node:crypto";
import { expect, test } from "vitest";
import { expand } from "../../src/e2ee/sframe.ts";
import { Epochs, generatePassphrase, ITERATIONS, kidOf, LAST_EPOCH, newSession, roomKey, senderOf, SOURCES } from "../../src/e2ee/keys.ts";

const FEW = 10;

test("a base key comes of passphrase and room by PBKDF2, as another program does it", async () => {
  const { base } = await roomKey("correct horse", "meeting", FEW);
  const secret = pbkdf2Sync("correct horse", "volley e2ee 1 room meeting", FEW, 32, "sha256");
  expect(await fingerprint(base)).toBe(by(secret));
  expect(ITERATIONS).toBeGreaterThanOrEqual(600_000);
});

test("another passphrase or another room is another key, and another code", async () => {
  const keys = await Promise.all([
    roomKey("correct horse", "meeting", FEW), roomKey("correct horsf", "meeting", FEW), roomKey("correct horse", "meetinh", FEW),
  ]);
  expect(new Set(keys.map(({ code }) => code)).size).toBe(3);
  expect(new Set(await Promise.all(keys.map(({ base }) => fingerprint(base)))).size).toBe(3);
});

test("the code is four groups of five digits, the same for who types the passphrase on another keyboard", async () => {
  const composed = await roomKey("caf\u00e9", "meeting", FEW);
  const decomposed = await roomKey("cafe\u0301", "meeting", FEW);
  expect(composed.code).toMatch(/^\d{5} \d{5} \d{5} \d{5}$/);
  expect(decomposed.code).toBe(composed.code);
});

test("generated passphrases are 130 bits of random letters that no one confuses", () => {
  const many = Array.from({ length: 200 }, generatePassphrase);
  expect(new Set(many).size).toBe(200);
  for (const one of many) expect(one).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
  expect(new Set(many.join("")).size).toBe(32);
});

test("the ratchet is that of RFC 9605, step by step or at once", async () => {
  const { base } = await roomKey("correct horse", "meeting", FEW);
  const epochs = new Epochs(base);
  let secret: Buffer = pbkdf2Sync("correct horse", "volley e2ee 1 room meeting", FEW, 32, "sha256");
  for (let step = 0; step < 3; step += 1) {
    secret = Buffer.from(hkdfSync("sha256", secret, "", "SFrame 1.0 Ratchet", 32));
    await epochs.advance(step + 1);
  }
  expect(await fingerprint((await epochs.base(3))!)).toBe(by(secret));
  expect(await fingerprint((await new Epochs(base).base(3))!)).toBe(by(secret));
});

test("what was before is kept until it is forgotten, and then there is no way back", async () => {
  const { base } = await roomKey("correct horse", "meeting", FEW);
  const epochs = new Epochs(base);
  expect(await epochs.advance(2)).toBe(true);
  expect(await epochs.base(0)).not.toBeNull();
  epochs.forget();
  expect(await epochs.base(0)).toBeNull();
  expect(await epochs.base(1)).toBeNull();
  expect(await epochs.advance(1)).toBe(false);
  expect(epochs.current).toBe(2);
  expect(await epochs.base(3), "of what is to come").not.toBeNull();
  expect(epochs.current).toBe(2);
});

test("several who go on at once end at the furthest", async () => {
  const { base } = await roomKey("correct horse", "meeting", FEW);
  const epochs = new Epochs(base);
  await Promise.all([3, 9, 5, 9].map((epoch) => epochs.advance(epoch)));
  expect(epochs.current).toBe(9);
  expect(await fingerprint((await epochs.base(9))!)).toBe(await fingerprint((await new Epochs(base).base(9))!));
});

test("epochs end where KIDs have no room for more", async () => {
  const { base } = await roomKey("correct horse", "meeting", FEW);
  const epochs = new Epochs(base);
  await epochs.advance(1_000_000);
  expect(epochs.current).toBe(LAST_EPOCH);
  expect(await epochs.base(LAST_EPOCH + 1)).toBeNull();
});

test("a KID says who, of what and in which epoch, and has eight bytes", () => {
  const seen = new Set<bigint>();
  for (let round = 0; round < 1000; round += 1) {
    for (const source of SOURCES) {
      const sender = { session: newSession(), source, epoch: round % (LAST_EPOCH + 1) };
      const kid = kidOf(sender);
      expect(senderOf(kid)).toEqual(sender);
      seen.add(kid);
    }
  }
  expect(seen.size).toBe(4000);
  expect(senderOf(0n)).toBeNull();
  expect(senderOf(0x7fff_ffff_ffff_ffffn)).toBeNull();
});

/** What follows from a base key that cannot be read. */
async function fingerprint(base: CryptoKey): Promise<string> {
  return Buffer.from(await expand(base, "SHA-256", new TextEncoder().encode("test"), 16)).toString("hex");
}

function by(secret: Buffer): string {
  return Buffer.from(hkdfSync("sha256", secret, "", "test", 16)).toString("hex");
}
