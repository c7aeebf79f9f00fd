import { expect, test } from "vitest";
import { RoomError } from "../src/errors.ts";
import { Moderation } from "../src/moderation.ts";
import { Rest } from "../src/rest.ts";

test("somebody is muted by kind, given back by track, and taken out", async () => {
  const { moderation, asked } = start(() => new Response("{}"));
  await moderation.mute("12", { kind: "audio" }, true);
  await moderation.mute("12", { trackId: "17" }, false);
  await moderation.remove("12");
  expect(asked).toEqual([
    ["POST https://call.example/api/rooms/a/participants/12/mute", { kind: "audio" }, "Bearer secret"],
    ["POST https://call.example/api/rooms/a/participants/12/unmute", { trackId: "17" }, "Bearer secret"],
    ["DELETE https://call.example/api/rooms/a/participants/12", null, "Bearer secret"],
  ]);
});

test("a refusal keeps the server's code and sentence", async () => {
  const problem = { code: "participant-not-found", detail: "nobody has this id" };
  const { moderation } = start(() => new Response(JSON.stringify(problem), { status: 404 }));
  const refusal = await moderation.remove("12").catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(RoomError);
  expect(refusal).toMatchObject({ code: "participant-not-found", message: "nobody has this id" });
});

test("an answer that is no problem document is told by its status", async () => {
  const { moderation } = start(() => new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }));
  await expect(moderation.remove("12")).rejects.toMatchObject({ code: "http-502", message: "Bad Gateway" });
});

function start(answer: () => Response) {
  const asked: unknown[] = [];
  const ask = async (address: unknown, { method, headers, body }: RequestInit = {}) => {
    const { authorization } = headers as Record<string, string>;
    asked.push([`${method} ${address}`, body ? JSON.parse(String(body)) : null, authorization]);
    return answer();
  };
  return { asked, moderation: new Moderation(new Rest("https://call.example/api/rooms/a", "secret", ask as typeof fetch)) };
}
