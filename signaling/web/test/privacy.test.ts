import { afterEach, expect, test, vi } from "vitest";
import type { Seat } from "volley-client";
import { keepSecret, readSecret, secretOf } from "../src/privacy/secret.ts";
import { isForeign } from "../src/privacy/use-privacy.ts";

afterEach(() => vi.unstubAllGlobals());

test("another key is asked for while somebody's seat cannot be opened, and an empty one is nobody's", () => {
  const locked = new Set<string>();
  const room = { seats: [seat("1", "g"), seat("3", null)], isLocked: (id: string) => locked.has(id) };
  expect(isForeign(room)).toBe(false);
  locked.add("3");
  expect(isForeign(room)).toBe(false);
  locked.add("1");
  expect(isForeign(room)).toBe(true);
});

test("a passphrase that is given later takes the place of the wrong one in the address", () => {
  vi.stubGlobal("location", { pathname: "/r/room", search: "?name=Ada", hash: "#e2ee=wrong" });
  const replaceState = vi.fn();
  vi.stubGlobal("history", { replaceState });
  keepSecret(secretOf("https://call.example/r/room#e2ee=correct-horse"));
  expect(replaceState).toHaveBeenLastCalledWith(null, "", "/r/room?name=Ada#e2ee=correct-horse");
  expect(readSecret("#e2ee=correct-horse")).toBe("correct-horse");
});

function seat(id: string, participantId: string | null): Seat {
  return { id, participantId, trackId: participantId && "c", source: participantId === null ? null : "camera" };
}
