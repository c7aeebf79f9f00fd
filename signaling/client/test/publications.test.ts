import { expect, test } from "vitest";
import { Publications } from "../src/publications.ts";
import { stream, track } from "./fakes.ts";

test("what is not there is muted, and a track is disabled while it is muted", () => {
  const { publications } = start();
  expect(publications.isMuted("microphone")).toBe(true);
  const voice = track("audio");
  publications.publish("microphone", voice);
  expect(publications.isMuted("microphone")).toBe(false);
  publications.mute("microphone", true);
  expect([publications.isMuted("microphone"), voice.enabled]).toEqual([true, false]);
  const other = track("audio");
  publications.publish("microphone", other);
  expect(other.enabled, "a new microphone stays muted").toBe(false);
  publications.mute("microphone", false);
  expect([publications.isMuted("microphone"), other.enabled]).toEqual([false, true]);
});

test("a screen comes with its sound and goes with it, in one change", () => {
  const heard = start();
  const [picture, sound] = [track("video"), track("audio")];
  heard.publications.share(stream(picture, sound));
  expect([heard.publications.track("screen"), heard.publications.track("screen-audio")]).toEqual([picture, sound]);
  expect(heard.publications.isMuted("screen")).toBe(false);
  heard.publications.share(null);
  expect(heard.publications.track("screen")).toBe(null);
  expect(heard.changes).toBe(2);
});

test("what is no change is not told", () => {
  const heard = start();
  const picture = track("video");
  heard.publications.publish("camera", picture);
  heard.publications.publish("camera", picture);
  heard.publications.mute("camera", false);
  heard.publications.share(null);
  expect(heard.changes).toBe(1);
});

function start() {
  const heard = { publications: new Publications(), changes: 0 };
  heard.publications.on("change", () => (heard.changes += 1));
  return heard;
}
