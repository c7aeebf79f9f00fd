import { beforeEach, expect, test, vi } from "vitest";
import { ANSWER_WITHIN_MS, Offers } from "../src/offers.ts";
import { settle } from "./fakes.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

test("one offer is in flight at a time; what is wanted meanwhile follows the answer", async () => {
  const { pc, sent, offers } = start();
  await offers.request();
  await offers.request();
  await offers.request();
  expect(sent).toEqual(["offer 1"]);
  await offers.accept("answer");
  await settle();
  expect(sent).toEqual(["offer 1", "offer 2"]);
  await offers.accept("answer");
  await settle();
  expect(sent.length).toBe(2);
  expect(pc.signalingState).toBe("stable");
});

test("an offer the socket dropped is told again word for word", async () => {
  const heard = start();
  const { sent, offers } = heard;
  await offers.request();
  heard.beside = " and what has changed since";
  offers.resend();
  expect(sent).toEqual(["offer 1", "offer 1"]);
  await offers.accept("answer");
  offers.resend();
  expect(sent.length, "an answered offer is done with").toBe(2);
});

test("a second answer to one offer is passed over", async () => {
  const { pc, offers } = start();
  await offers.request();
  await offers.accept("answer");
  await offers.accept("answer again");
  expect(pc.remote).toBe("answer");
});

test("silence is told, and three times is enough", async () => {
  const heard = start();
  await heard.offers.request();
  for (let time = 0; time < 2; time += 1) {
    vi.advanceTimersByTime(ANSWER_WITHIN_MS);
    heard.offers.resend();
  }
  expect(heard.silences).toBe(2);
  expect(heard.broken.length).toBe(0);
  vi.advanceTimersByTime(ANSWER_WITHIN_MS);
  expect(heard.broken.length).toBe(1);
});

test("an answer in time is no silence", async () => {
  const heard = start();
  await heard.offers.request();
  await heard.offers.accept("answer");
  vi.advanceTimersByTime(ANSWER_WITHIN_MS * 3);
  expect(heard.silences).toBe(0);
});

test("an answer the browser refuses means starting again", async () => {
  const heard = start();
  await heard.offers.request();
  heard.pc.refuses = true;
  await heard.offers.accept("nonsense");
  expect(heard.broken.length).toBe(1);
});

function start() {
  const pc = new FakePeer();
  const heard = { silences: 0, beside: "", sent: [] as string[], broken: [] as unknown[] };
  const offers = new Offers(pc as never, {
    made: (sdp) => {
      const told = `${sdp}${heard.beside}`;
      return () => void heard.sent.push(told);
    },
    onSilence: () => (heard.silences += 1),
    onBroken: (error) => heard.broken.push(error),
  });
  return Object.assign(heard, { pc, offers });
}

class FakePeer {
  signalingState = "stable";
  localDescription: { sdp: string } | null = null;
  remote = "";
  refuses = false;
  #offers = 0;

  async setLocalDescription() {
    this.#offers += 1;
    this.signalingState = "have-local-offer";
    this.localDescription = { sdp: `offer ${this.#offers}` };
  }

  async setRemoteDescription({ sdp }: { sdp: string }) {
    if (this.refuses) throw new Error("bad answer");
    this.signalingState = "stable";
    this.remote = sdp;
  }
}
