import { expect, test, vi } from "vitest";
import { sleptFor } from "../src/media/sleep.ts";
import { levelOf } from "../src/media/level.ts";
import { Chat, piecesOf } from "../src/state/chat.ts";
import { Changes } from "../src/state/changes.ts";
import { hueOf, initialsOf } from "../src/state/names.ts";
import { Notices } from "../src/state/notices.ts";
import { DEFAULTS, Preferences, readWishes } from "../src/state/preferences.ts";
import { deedOf, type Key, SHORTCUTS } from "../src/state/shortcuts.ts";
import { resolved } from "../src/theme.ts";

test("what changes together is told once", async () => {
  const changes = new Changes();
  const listener = vi.fn();
  const stop = changes.onChange(listener);
  changes.changed();
  changes.changed();
  await Promise.resolve();
  expect(listener).toHaveBeenCalledTimes(1);
  stop();
  changes.changed();
  await Promise.resolve();
  expect(listener).toHaveBeenCalledTimes(1);
});

test("a notice waved away stays away until its subject was well again", () => {
  const notices = new Notices();
  notices.show("media", { text: "weak" });
  notices.dismiss("media");
  notices.show("media", { text: "weak" });
  expect(notices.texts).toEqual([]);
  notices.hide("media");
  notices.show("media", { text: "weak" });
  expect(notices.texts).toEqual(["weak"]);
  notices.show("media", { text: "gone" });
  expect(notices.texts).toEqual(["gone"]);
});

test("the same sentence is said twice", () => {
  const notices = new Notices();
  notices.say("Ada joined");
  const { turn } = notices.voice;
  notices.say("Ada joined");
  expect(notices.voice).toEqual({ text: "Ada joined", turn: turn + 1 });
});

test("what others write is unread until somebody looks, and lines of one person stand together", () => {
  const chat = new Chat();
  const at = (seconds: number) => new Date(seconds * 1000);
  chat.hear("a", "Ada", "one", at(0));
  chat.hear("a", "Ada", "two", at(30));
  chat.hear(null, "Me", "three", at(31));
  chat.hear("a", "Ada", "four", at(400));
  expect(chat.lines.map(({ goesOn }) => goesOn)).toEqual([false, true, false, false]);
  expect(chat.unread).toBe(3);
  chat.look(true);
  expect(chat.unread).toBe(0);
  chat.hear("a", "Ada", "five", at(401));
  expect(chat.unread).toBe(0);
});

test("a page that is open for days does not grow", () => {
  const chat = new Chat();
  for (let line = 0; line < 700; line += 1) chat.hear("a", "Ada", String(line));
  expect(chat.lines.length).toBe(500);
  expect(chat.lines.at(-1)?.text).toBe("699");
});

test("addresses become links, without what ends the sentence around them", () => {
  expect(piecesOf("see https://a.example/b?c=1, or http://d.example.")).toEqual([
    { text: "see ", link: false },
    { text: "https://a.example/b?c=1", link: true },
    { text: ", or ", link: false },
    { text: "http://d.example", link: true },
    { text: ".", link: false },
  ]);
  expect(piecesOf("javascript:alert(1)")).toEqual([{ text: "javascript:alert(1)", link: false }]);
});

test("every shortcut has a key of its own, and works only where nobody writes", () => {
  const key = (key: string, more: Partial<Key> = {}): Key => ({ key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, ...more });
  expect(new Set(SHORTCUTS.map((one) => one.key)).size).toBe(SHORTCUTS.length);
  expect(deedOf(key("m"), false)).toBe("microphone");
  expect(deedOf(key("M"), false)).toBe("microphone");
  expect(deedOf(key("?"), false)).toBe("help");
  expect(deedOf(key("m"), true)).toBe(null);
  expect(deedOf(key("m", { ctrlKey: true }), false)).toBe(null);
  expect(deedOf(key("m", { repeat: true }), false)).toBe(null);
  expect(deedOf(key("x"), false)).toBe(null);
});

test("what was kept is read where it still makes sense, and never fails", () => {
  expect(readWishes(null)).toEqual(DEFAULTS);
  for (const broken of ["{", "[]", "null", "7", '{"tiles":7,"theme":"pink","name":3,"received":null}']) {
    expect(readWishes(broken), broken).toEqual(DEFAULTS);
  }
  expect(readWishes('{"theme":"dark","tiles":16,"name":"Ada"}')).toEqual({ ...DEFAULTS, theme: "dark", tiles: 16, name: "Ada" });
});

test("what a person chose is there the next time", () => {
  const kept = new Map<string, string>();
  const store = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
  new Preferences(store).set({ view: "speaker" });
  expect(new Preferences(store).all.view).toBe("speaker");
});

test("initials are those of the first and the last name, and a name has one colour", () => {
  expect(["Ada Lovelace", "ada", "Grace Brewster Hopper", "李", ""].map(initialsOf)).toEqual(["AL", "A", "GH", "李", ""]);
  expect(hueOf("Ada")).toBe(hueOf("Ada"));
  expect(hueOf("Ada")).not.toBe(hueOf("Ben"));
});

test("the theme follows the system unless the person has chosen", () => {
  expect([resolved("system", true), resolved("system", false), resolved("light", true), resolved("dark", false)]).toEqual(["dark", "light", "light", "dark"]);
});

test("silence is at the beginning of the meter, and a loud voice at its end", () => {
  expect(levelOf(new Float32Array(512))).toBe(0);
  expect(levelOf(new Float32Array(512).fill(0.5))).toBe(1);
  const [quiet, normal] = [levelOf(new Float32Array(512).fill(0.004)), levelOf(new Float32Array(512).fill(0.03))];
  expect(quiet > 0 && quiet < normal && normal < 1).toBe(true);
  expect(levelOf(new Float32Array(0))).toBe(0);
});

test("a page whose timers were late by long was asleep, a hidden one is only slowed", () => {
  expect(sleptFor(0, 2100, false)).toBe(0);
  expect(sleptFor(0, 32_000, false)).toBe(30_000);
  expect(sleptFor(0, 32_000, true)).toBe(0);
});
