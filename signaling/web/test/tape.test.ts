import { expect, test, vi } from "vitest";
import { type Recording, type RecordingFile, type Room, RoomError } from "volley-client";
import { flawsOf } from "../src/recording/flaws.ts";
import { lengthOf, momentOf, sizeOf } from "../src/recording/format.ts";
import { Tape } from "../src/recording/tape.ts";
import { Notices } from "../src/state/notices.ts";
import { speak, t } from "../src/words.ts";

test("everybody is asked when a recording begins, also who comes later, and nobody twice", () => {
  const { notices, is } = open();
  is("1-2");
  expect(notices.lines).toMatchObject([{ text: t("record.consent"), urgent: true, action: { does: "stay" }, other: { does: "cancel" } }]);
  notices.hide("recording");
  is("1-2");
  expect(notices.lines).toEqual([]);
  is("3-4");
  expect(notices.lines).toHaveLength(1);
});

test("the question goes when the recording ends, and that is said", () => {
  const { notices, is } = open();
  is("1-2");
  is(null);
  expect(notices.lines).toEqual([]);
  expect(notices.voice.text).toBe(t("recording.ended"));
});

test("everybody is told while a recording cannot be written, and when it goes on", () => {
  const { tape, notices, is, recordings } = open();
  is("1-2");
  notices.hide("recording");
  recordings.isFailing = true;
  is("1-2");
  expect(tape.isFailing).toBe(true);
  expect(notices.lines).toMatchObject([{ text: t("recording.failing.why"), urgent: true }]);
  recordings.isFailing = false;
  is("1-2");
  expect([notices.lines, notices.voice.text]).toEqual([[], t("recording.again")]);
  recordings.isFailing = true;
  is("1-2");
  recordings.isFailing = false;
  is(null);
  expect([notices.lines, notices.voice.text]).toEqual([[], t("recording.ended")]);
});

test("who began it is not asked whether they agree, whichever is first, the answer or the news", async () => {
  for (const newsFirst of [true, false]) {
    const { tape, notices, is, recordings } = open();
    recordings.start = async () => {
      if (newsFirst) is("1-2");
    };
    await tape.start();
    if (!newsFirst) is("1-2");
    expect(notices.lines).toEqual([]);
    is("3-4");
    expect(notices.lines).toHaveLength(1);
  }
});

test("whoever leaves instead of agreeing is asked again when they come back", () => {
  const { notices, is, goes } = open();
  is("1-2");
  notices.hide("recording");
  goes("idle");
  is("1-2");
  expect(notices.lines).toMatchObject([{ text: t("record.consent") }]);
});

test("who could not begin one is asked like everybody else", async () => {
  const { tape, notices, is, recordings } = open();
  recordings.start = () => Promise.reject(new Error("no room"));
  await tape.start();
  expect(tape.problem).toContain("no room");
  is("1-2");
  expect(notices.lines).toHaveLength(1);
});

test("where nothing is recorded, that is said in a sentence", () => {
  const { tape, recordings } = open();
  const said = (recordable: string) => {
    recordings.recordable = recordable;
    return [tape.isOffered, tape.whyNot, tape.hasList];
  };
  expect(said("yes")).toEqual([true, null, true]);
  expect(said("off")).toEqual([true, t("record.off"), false]);
  expect(said("not-granted")[0]).toBe(false);
});

test("while somebody looks, the list is fetched until all are complete", async () => {
  vi.useFakeTimers();
  const { tape, recordings } = open();
  const fetched = vi.spyOn(recordings, "list");
  recordings.list.mockResolvedValue([recording("recording")]);
  const stop = tape.look();
  await vi.advanceTimersByTimeAsync(7000);
  expect(fetched).toHaveBeenCalledTimes(3);
  recordings.list.mockResolvedValue([recording("complete")]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(fetched).toHaveBeenCalledTimes(4);
  stop();
  vi.useRealTimers();
});

test("a recording that is deleted is played no longer", async () => {
  const { tape, recordings } = open();
  tape.play({ recordingId: "1-2", file: "7-camera-1.webm" });
  await tape.remove("1-2");
  expect(recordings.remove).toHaveBeenCalledWith("1-2");
  expect(tape.playing).toBeNull();
});

test("a file that is elsewhere is told of in the language of the page, with the server's word on where", async () => {
  const { tape, recordings } = open();
  const one = { recordingId: "1-2", file: "7-camera-1.webm" };
  expect(await tape.whyMissing(one)).toBe("");
  recordings.look.mockRejectedValue(new RoomError("file-elsewhere", "it is on host b"));
  for (const language of ["en", "de"] as const) {
    speak(language);
    expect(await tape.whyMissing(one)).toBe(t("record.elsewhere", { why: "it is on host b" }));
  }
  speak("en");
  recordings.look.mockRejectedValue(new RoomError("file-in-store", "in the store"));
  expect(await tape.whyMissing(one)).toBe(t("record.in-store"));
  recordings.look.mockRejectedValue(new TypeError("network"));
  expect(await tape.whyMissing(one)).toContain("network");
});

test("a recording that lacks something says what, and a whole one says nothing", () => {
  expect(flawsOf(recording("complete"))).toEqual([]);
  expect(flawsOf({ ...recording("complete"), files: [file()] })).toEqual([]);
  expect(flawsOf(recording("failed"))).toEqual([t("record.incomplete")]);
  expect(flawsOf({ ...recording("complete"), interrupted: true, droppedPackets: 7 })).toEqual([t("record.interrupted"), t("record.dropped", { count: 7 })]);
  const full = { atMs: 1, reason: "no space left" };
  expect(flawsOf({ ...recording("complete"), failures: [full, full] })).toEqual([t("record.why", { why: "no space left" })]);
  expect(flawsOf({ ...recording("failed"), files: [file({ failure: "it is cut short" })] })).toEqual([t("record.incomplete"), t("record.why", { why: "it is cut short" })]);
});

test("lengths, sizes and moments are readable", () => {
  expect([lengthOf(0), lengthOf(62_400), lengthOf(3_725_000)]).toEqual(["0:00", "1:02", "1:02:05"]);
  expect([sizeOf(1_240_000, "en"), sizeOf(1_240_000, "de"), sizeOf(52_000_000, "en"), sizeOf(3_100_000_000, "en")]).toEqual(["1.2 MB", "1,2 MB", "52 MB", "3.1 GB"]);
  expect(momentOf(Date.UTC(2026, 0, 15, 12), "de")).toContain("2026");
});

function recording(state: Recording["state"]): Recording {
  return { recordingId: "1-2", startedAt: 0, endedAt: null, state, room: { id: "room", name: "Room" }, interrupted: false, failures: [], droppedPackets: 0, participants: [], files: [] };
}

function file(more: Partial<RecordingFile> = {}): RecordingFile {
  return { name: "7-camera-1.webm", participantId: "7", shows: "camera", offsetMs: 0, durationMs: 1000, bytes: 1, isFinished: true, ...more };
}

function open() {
  const listeners = new Map<string, (told: string | null) => void>();
  const recordings = {
    current: null as string | null,
    recordable: "yes",
    isFailing: false,
    start: async () => {},
    stop: async () => {},
    list: vi.fn(async (): Promise<Recording[]> => []),
    remove: vi.fn(async () => {}),
    addressOf: () => "",
    look: vi.fn(async () => {}),
  };
  const room = { recordings, on: (event: string, listener: (told: string | null) => void) => listeners.set(event, listener) };
  const notices = new Notices();
  const tape = new Tape(room as unknown as Room, notices);
  const is = (recordingId: string | null) => {
    recordings.current = recordingId;
    listeners.get("recording")?.(recordingId);
  };
  const goes = (state: string) => listeners.get("state")?.(state);
  return { tape, notices, recordings, is, goes };
}
