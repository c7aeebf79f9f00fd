import assert from "node:assert/strict";
import "./old-node.js";
import { test } from "node:test";
import { pathOf, proposeRoom, readRoom } from "../rooms.js";

test("a proposed room is readable and what the server takes", () => {
  for (let round = 0; round < 200; round += 1) {
    const room = proposeRoom();
    assert.match(room, /^[a-z]+-[a-z]+-[a-z2-9]{4}$/);
    assert.equal(readRoom(room), room);
  }
});

test("what a person types or pastes becomes a room", () => {
  assert.equal(readRoom("Team Lunch "), "Team-Lunch");
  assert.equal(readRoom("https://call.example/r/calm-otter-k7m4?name=x#y"), "calm-otter-k7m4");
  assert.equal(readRoom("/r/caf%C3%A9"), "cafe");
  assert.equal(readRoom("/r/%zz"), "zz");
  assert.equal(readRoom("/"), "");
  assert.equal(readRoom("x".repeat(80)).length, 64);
});

test("a room cannot be a path that browsers walk away", () => {
  assert.equal(readRoom(".."), "");
  assert.equal(readRoom("."), "");
  assert.equal(pathOf("a.b~c"), "/r/a.b~c");
});
