import { expect, test } from "vitest";
import { checkLink } from "../src/state/link.ts";
import { pathOf, proposeRoom, readRoom } from "../src/state/rooms.ts";

test("a proposed room is readable and what the server takes", () => {
  for (let round = 0; round < 200; round += 1) {
    const room = proposeRoom();
    expect(room).toMatch(/^[a-z]+-[a-z]+-[a-z2-9]{4}$/);
    expect(readRoom(room)).toBe(room);
  }
});

test("what a person types or pastes becomes a room", () => {
  expect(readRoom("Team Lunch ")).toBe("Team-Lunch");
  expect(readRoom("https://call.example/r/calm-otter-k7m4?name=x#y")).toBe("calm-otter-k7m4");
  expect(readRoom("/r/caf%C3%A9")).toBe("cafe");
  expect(readRoom("/r/%zz")).toBe("zz");
  expect(readRoom("/")).toBe("");
  expect(readRoom("x".repeat(80)).length).toBe(64);
});

test("the way to the check takes along what lets into the room, and nothing else", () => {
  expect(checkLink("")).toBe("/check");
  expect(checkLink("?name=Ada&token=a.b%2Bc")).toBe("/check?token=a.b%2Bc");
});

test("a room cannot be a path that browsers walk away", () => {
  expect(readRoom("..")).toBe("");
  expect(readRoom(".")).toBe("");
  expect(pathOf("a.b~c")).toBe("/r/a.b~c");
});
