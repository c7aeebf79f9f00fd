import { expect, test } from "vitest";
import { RoomError } from "../src/errors.ts";
import { Recordings } from "../src/recordings.ts";
import { Rest } from "../src/rest.ts";
import { joined } from "./fakes.ts";

const BASE = "https://call.example/api/rooms/a";

test("a recording is begun, ended, listed and deleted with the token we came with", async () => {
  const { recordings, asked } = start(() => Response.json({ recordings: [{ recordingId: "1-2" }] }));
  await recordings.start();
  await recordings.stop();
  expect(await recordings.list()).toEqual([{ recordingId: "1-2" }]);
  await recordings.remove("1-2");
  expect(asked).toEqual([
    [`POST ${BASE}/recording/start`, "Bearer secret"],
    [`POST ${BASE}/recording/stop`, "Bearer secret"],
    [`GET ${BASE}/recordings`, "Bearer secret"],
    [`DELETE ${BASE}/recordings/1-2`, "Bearer secret"],
  ]);
});

test("a player is given an address that says the token, where there is one", () => {
  expect(start().recordings.addressOf("1-2", "7-camera-1.webm")).toBe(`${BASE}/recordings/1-2/files/7-camera-1.webm?access_token=secret`);
  expect(start(undefined, null).recordings.addressOf("1-2", "a.webm")).toBe(`${BASE}/recordings/1-2/files/a.webm`);
});

test("whether a file is there is asked before it is played, and where it is not, the server says where it is", async () => {
  const at = `GET ${BASE}/recordings/1-2/files/7-camera-1.webm`;
  const there = start(() => new Response("1", { status: 206 }));
  await there.recordings.look("1-2", "7-camera-1.webm");
  expect([there.asked, there.ranges]).toEqual([[[at, "Bearer secret"]], ["bytes=0-0"]]);
  await start(() => Response.json({ code: "range-not-satisfiable" }, { status: 416 })).recordings.look("1-2", "empty.webm");
  const away = start(() => Response.json({ code: "file-elsewhere", detail: "it is on host b" }, { status: 410 }));
  await expect(away.recordings.look("1-2", "7-camera-1.webm")).rejects.toEqual(new RoomError("file-elsewhere", "it is on host b"));
});

test("when two press at once both have what they wanted, and every other refusal is told", async () => {
  const refuses = (code: string) => start(() => Response.json({ code, detail: "no" }, { status: 409 })).recordings;
  await refuses("already-recording").start();
  await refuses("not-recording").stop();
  await expect(refuses("not-recording").start()).rejects.toEqual(new RoomError("not-recording", "no"));
  await expect(refuses("recording-off").start()).rejects.toMatchObject({ code: "recording-off" });
});

test("whether the room is recorded is known from the first message on", () => {
  const { recordings } = start();
  expect([recordings.current, recordings.recordable]).toEqual([null, "off"]);
  expect(recordings.hear(joined({ recording: "1-2", recordable: "yes" }))).toBe(true);
  expect([recordings.current, recordings.recordable]).toEqual(["1-2", "yes"]);
  expect(recordings.hear({ type: "recording-stopped", recordingId: "1-2" })).toBe(true);
  expect(recordings.hear({ type: "recording-stopped", recordingId: "1-2" })).toBe(false);
  recordings.hear({ type: "recording-started", recordingId: "3-4", startedAt: 0 });
  expect(recordings.current).toBe("3-4");
});

test("that a recording fails is known until it goes on, ends, or the room is another", () => {
  const { recordings } = start();
  const fails = (failing: boolean) => recordings.hear({ type: "recording-failing", recordingId: "1-2", failing });
  recordings.hear(joined({ recording: "1-2", recordable: "yes" }));
  expect([fails(true), recordings.isFailing, fails(true)]).toEqual([true, true, false]);
  expect([fails(false), recordings.isFailing]).toEqual([true, false]);
  fails(true);
  recordings.hear({ type: "recording-stopped", recordingId: "1-2" });
  expect(recordings.isFailing).toBe(false);
  recordings.hear(joined({ recording: "1-2", recordable: "yes" }));
  fails(true);
  expect([recordings.hear(joined({ recording: "1-2", recordable: "yes", resumed: true })), recordings.isFailing]).toEqual([false, true]);
  recordings.clear();
  expect(recordings.isFailing).toBe(false);
});

function start(answer: () => Response = () => new Response("{}"), token: string | null = "secret") {
  const asked: unknown[] = [];
  const ranges: unknown[] = [];
  const ask = async (address: unknown, { method, headers }: RequestInit = {}) => {
    const said = headers as Record<string, string>;
    asked.push([`${method} ${address}`, said["authorization"]]);
    ranges.push(said["range"]);
    return answer();
  };
  const rest = new Rest(BASE, token ?? undefined, ask as typeof fetch);
  return { asked, ranges, recordings: new Recordings(() => rest) };
}
