import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const COMPILER = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
const OPTIONS = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable"];

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "volley-application-"));
  copyFileSync(join(DIST, "client.d.ts"), join(folder, "client.d.ts"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("an application that has taken the built module is checked against the types beside it", () => {
  const application = `
    import { DEFAULT_PICTURES, linesOf, Room, RoomError, tryWays } from "./client.js";
    import type { FromServer, JoinWish, Participant, Seat, TrackView } from "./client.js";

    const room = new Room({ server: "https://call.example", pictures: { ...DEFAULT_PICTURES, width: 640 } });
    const stop = room.on("track", ({ seat, track }: { seat: Seat; track: MediaStreamTrack }) => console.log(seat.id, track.kind));
    room.on("chat", ({ participantName, text }) => console.log(participantName.length, text.length));
    const wish: JoinWish = { roomId: "room", participantName: "Ada", token: async () => (await fetch("/token")).text() };
    const joined: FromServer<"joined"> = await room.join(wish).catch((error: RoomError) => Promise.reject(error.code));
    const people: ReadonlyMap<string, Participant> = room.participants;
    const tracks: TrackView[] = joined.participants.flatMap((one) => one.tracks);
    room.setLines(new Map([["1", linesOf({ width: 320, height: 180 }, devicePixelRatio)]]));
    await room.recordings.list().then(([first]) => first?.files[0]?.durationMs);
    await tryWays({}, ({ way, outcome }) => console.log(way, outcome));
    stop();
    export { people, tracks };
  `;
  expect(complaints(application)).toBe("");
});

test("and is told what the library does not take", () => {
  const said = complaints(`
    import { Course } from "./client.js";
    import { Room } from "./client.js";
    const room = new Room();
    room.publish("screen", null);
    room.on("nothing", () => {});
  `);
  for (const [line, code] of [[2, "TS2305"], [5, "TS2345"], [6, "TS2345"]]) expect(said).toMatch(new RegExp(`app\\.ts\\(${line},\\d+\\): error ${code}`));
  expect(said).not.toContain("client.d.ts(");
});

test("what the types say can be imported is what the module has", () => {
  const module = readFileSync(join(DIST, "client.js"), "utf8").match(/export\s*\{([^}]*)\}/)?.[1] ?? "";
  const types = readFileSync(join(DIST, "client.d.ts"), "utf8").match(/^export \{([^}]*)\}/m)?.[1] ?? "";
  const namesOf = (list: string) => list.split(",").map((one) => one.trim().split(" as ").at(-1) ?? "").filter((one) => one !== "").sort();
  expect(namesOf(types)).toContain("Room");
  expect(namesOf(types)).toEqual(namesOf(module));
});

function complaints(application: string): string {
  writeFileSync(join(folder, "app.ts"), application);
  const { stdout, stderr } = spawnSync(process.execPath, [COMPILER, ...OPTIONS, "app.ts"], { cwd: folder, encoding: "utf8" });
  return stdout + stderr;
}
