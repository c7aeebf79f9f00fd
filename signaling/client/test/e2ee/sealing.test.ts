import { beforeAll, expect, test } from "vitest";
import type { Bytes } from "../../src/e2ee/bytes.ts";
import { type Codec, LAYOUTS } from "../../src/e2ee/frames.ts";
import { Epochs, kidOf, newSession, roomKey, type Source } from "../../src/e2ee/keys.ts";
import { Opener } from "../../src/e2ee/opener.ts";
import { AGAIN_MS, WINDOW } from "../../src/e2ee/replay.ts";
import { Sealer } from "../../src/e2ee/sealer.ts";
import { readHeader, writeHeader } from "../../src/e2ee/sframe.ts";
import { FRAMES, Random } from "./tools.ts";

const random = new Random(5);
let base: CryptoKey;
let otherBase: CryptoKey;

beforeAll(async () => {
  base = (await roomKey("correct horse", "meeting", 10)).base;
  otherBase = (await roomKey("battery staple", "meeting", 10)).base;
});

const KINDS: [Source, Codec, keyof typeof FRAMES][] = [
  ["microphone", "opus", "opus"],
  ["screen-audio", "opus", "opus"],
  ["camera", "vp8", "vp8Key"],
  ["camera", "vp8", "vp8Delta"],
  ["screen", "vp9", "vp9"],
  ["camera", "h264", "h264Key"],
  ["camera", "h264", "h264Delta"],
  ["screen", "av1", "av1"],
];

test.each(KINDS)("%s, %s: who has the passphrase opens what was sealed (%s)", async (source, codec, kind) => {
  const { sealer, opener } = pair();
  for (let round = 0; round < 20; round += 1) {
    const frame = FRAMES[kind](random);
    const dressed = (await sealer.seal(source, codec, frame))!;
    expect(dressed.length - frame.length, "what it costs").toBeGreaterThan(16);
    expect(hex((await opener.open(kindOf(source), codec, dressed, 0)) as Bytes)).toBe(hex(frame));
  }
});

test("no number is used twice with one key, however many frames are sealed at once", async () => {
  const epochs = new Epochs(base);
  const sealer = new Sealer(epochs);
  const frames: Promise<Bytes | null>[] = [];
  for (let round = 0; round < 300; round += 1) {
    for (const [source, codec, kind] of KINDS) frames.push(sealer.seal(source, codec, FRAMES[kind](random)));
    if (round % 100 === 99) await epochs.advance(epochs.current + 1);
  }
  const names = (await Promise.all(frames)).map((dressed, at) => {
    const { kid, counter } = readHeader(LAYOUTS[KINDS[at % KINDS.length]![1]].undress(dressed!)!)!;
    return `${kid} ${counter}`;
  });
  expect(new Set(names).size).toBe(300 * KINDS.length);
});

test("a page that is loaded again seals with other keys, though everything else is as it was", async () => {
  const kids = new Set<bigint>();
  for (let load = 0; load < 50; load += 1) {
    const dressed = await new Sealer(new Epochs(base)).seal("microphone", "opus", FRAMES.opus(random));
    kids.add(readHeader(LAYOUTS.opus.undress(dressed!)!)!.kid);
  }
  expect(kids.size).toBe(50);
});

test("who has another passphrase opens nothing", async () => {
  const sealer = new Sealer(new Epochs(base));
  const opener = new Opener(new Epochs(otherBase));
  expect(await opener.open("audio", "opus", await sound(sealer), 0)).toBe("forged");
});

test("what was changed on the way is not opened, and what comes after it is", async () => {
  const { sealer, opener } = pair();
  for (let round = 0; round < 100; round += 1) {
    const dressed = await sound(sealer);
    const changed = dressed.slice();
    changed[random.below(changed.length)]! ^= 1 << random.below(8);
    expect(typeof (await opener.open("audio", "opus", changed, 0))).toBe("string");
    expect(await opener.open("audio", "opus", dressed, 0)).toBeInstanceOf(Uint8Array);
  }
});

test("what is not sealed is not taken, whatever it looks like", async () => {
  const { opener } = pair();
  for (const [source, codec, kind] of KINDS) {
    for (let round = 0; round < 50; round += 1) {
      const opened = await opener.open(kindOf(source), codec, FRAMES[kind](random), 0);
      expect(["unsealed", "misplaced", "forged", "stale", "ahead"]).toContain(opened);
    }
  }
});

test("sound is no picture, and a picture of one codec is none of another", async () => {
  const { sealer, opener } = pair();
  const dressed = await sound(sealer);
  expect(await opener.open("video", "opus", dressed, 0)).toBe("misplaced");
  const sealed = LAYOUTS.vp9.undress((await sealer.seal("camera", "vp9", FRAMES.vp9(random)))!)!;
  const other = LAYOUTS.av1.dress(FRAMES.av1(random), sealed)!;
  expect(await opener.open("video", "av1", other, 0)).toBe("forged");
});

test("a frame is opened again while a seat may come back to it, and never later", async () => {
  const { sealer, opener } = pair();
  const dressed = await sound(sealer);
  expect(await opener.open("audio", "opus", dressed, 1000)).toBeInstanceOf(Uint8Array);
  expect(await opener.open("audio", "opus", dressed, 1000 + AGAIN_MS)).toBeInstanceOf(Uint8Array);
  expect(await opener.open("audio", "opus", dressed, 1001 + AGAIN_MS)).toBe("replayed");
});

test("frames may come late and out of order, but not from far behind", async () => {
  const { sealer, opener } = pair();
  const first = await sound(sealer);
  const early = [await sound(sealer), await sound(sealer), await sound(sealer)];
  for (const dressed of early.reverse()) expect(await opener.open("audio", "opus", dressed, 0)).toBeInstanceOf(Uint8Array);
  let last = first;
  for (let sent = 4; sent <= WINDOW; sent += 1) last = await sound(sealer);
  expect(await opener.open("audio", "opus", last, 0)).toBeInstanceOf(Uint8Array);
  expect(await opener.open("audio", "opus", first, 0)).toBe("replayed");
});

test("when somebody leaves, both sides go on with keys that do not open what was before", async () => {
  const [sending, receiving] = [new Epochs(base), new Epochs(base)];
  const [sealer, opener] = [new Sealer(sending), new Opener(receiving)];
  const [old, late] = [await sound(sealer), await sound(sealer)];
  expect(await opener.open("audio", "opus", old, 0)).toBeInstanceOf(Uint8Array);
  await sending.advance(1);
  const fresh = await sound(sealer);
  expect(readHeader(LAYOUTS.opus.undress(fresh)!)!.counter, "with a key of its own").toBe(0n);
  expect(await opener.open("audio", "opus", fresh, 0), "heard of by the frame alone").toBeInstanceOf(Uint8Array);
  expect(receiving.current).toBe(1);
  expect(await opener.open("audio", "opus", late, 1), "on its way meanwhile").toBeInstanceOf(Uint8Array);
  receiving.forget();
  expect(opener.forget(2), "nothing is left to erase").toBe(false);
  expect(await opener.open("audio", "opus", late, 2)).toBe("stale");
});

test("who has not heard that somebody left is understood for as long as they send", async () => {
  const receiving = new Epochs(base);
  const [sealer, opener] = [new Sealer(new Epochs(base)), new Opener(receiving)];
  await opener.open("audio", "opus", await sound(sealer), 0);
  await receiving.advance(1);
  receiving.forget();
  expect(opener.forget(0), "kept, since it was used").toBe(true);
  expect(await opener.open("audio", "opus", await sound(sealer), 5000)).toBeInstanceOf(Uint8Array);
  expect(opener.forget(6000)).toBe(false);
  expect(await opener.open("audio", "opus", await sound(sealer), 6000)).toBe("stale");
});

test("who comes late and was told nothing finds the epoch by the first frame", async () => {
  const sending = new Epochs(base);
  await sending.advance(700);
  const receiving = new Epochs(base);
  expect(await new Opener(receiving).open("audio", "opus", await sound(new Sealer(sending)), 0)).toBeInstanceOf(Uint8Array);
  expect(receiving.current).toBe(700);
});

test("frames that claim an epoch far ahead move nobody, and are looked at once a second", async () => {
  const receiving = new Epochs(base);
  const opener = new Opener(receiving);
  const claim = (epoch: number) => {
    const kid = kidOf({ session: newSession(), source: "microphone", epoch });
    return Uint8Array.of(0xff, ...writeHeader(kid, 0n), ...random.bytes(40));
  };
  expect(await opener.open("audio", "opus", claim(300), 0)).toBe("forged");
  expect(await opener.open("audio", "opus", claim(300), 10)).toBe("ahead");
  expect(await opener.open("audio", "opus", claim(5), 10)).toBe("forged");
  expect(await opener.open("audio", "opus", claim(300), 1001)).toBe("forged");
  expect(receiving.current).toBe(0);
});

function pair(): { sealer: Sealer; opener: Opener } {
  return { sealer: new Sealer(new Epochs(base)), opener: new Opener(new Epochs(base)) };
}

async function sound(sealer: Sealer): Promise<Bytes> {
  return (await sealer.seal("microphone", "opus", FRAMES.opus(random)))!;
}

function kindOf(source: Source): "audio" | "video" {
  return source === "camera" || source === "screen" ? "video" : "audio";
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString("hex");
}
