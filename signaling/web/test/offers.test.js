import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { takeTimeouts, tick } from "./timeouts.js";
import { ANSWER_WITHIN_MS, Offers } from "../offers.js";
import { settle } from "./fakes.js";

beforeEach(() => {
  takeTimeouts();
});

test("one offer is in flight at a time; what is wanted meanwhile follows the answer", async () => {
  const { pc, sent, offers } = start();
  await offers.request();
  await offers.request();
  await offers.request();
  assert.deepEqual(sent, ["offer 1"]);
  await offers.accept("answer");
  await settle();
  assert.deepEqual(sent, ["offer 1", "offer 2"]);
  await offers.accept("answer");
  await settle();
  assert.equal(sent.length, 2);
  assert.equal(pc.signalingState, "stable");
});

test("an offer the socket dropped is told again word for word", async () => {
  const { sent, offers } = start();
  await offers.request();
  offers.resend();
  assert.deepEqual(sent, ["offer 1", "offer 1"]);
  await offers.accept("answer");
  offers.resend();
  assert.equal(sent.length, 2, "an answered offer is done with");
});

test("a second answer to one offer is passed over", async () => {
  const { pc, offers } = start();
  await offers.request();
  await offers.accept("answer");
  await offers.accept("answer again");
  assert.equal(pc.remote, "answer");
});

test("silence is told, and three times is enough", async () => {
  const heard = start();
  await heard.offers.request();
  for (let time = 0; time < 2; time += 1) {
    tick(ANSWER_WITHIN_MS);
    heard.offers.resend();
  }
  assert.equal(heard.silences, 2);
  assert.equal(heard.broken.length, 0);
  tick(ANSWER_WITHIN_MS);
  assert.equal(heard.broken.length, 1);
});

test("an answer in time is no silence", async () => {
  const heard = start();
  await heard.offers.request();
  await heard.offers.accept("answer");
  tick(ANSWER_WITHIN_MS * 3);
  assert.equal(heard.silences, 0);
});

test("an answer the browser refuses means starting again", async () => {
  const heard = start();
  await heard.offers.request();
  heard.pc.refuses = true;
  await heard.offers.accept("nonsense");
  assert.equal(heard.broken.length, 1);
});

function start() {
  const pc = new FakePeer();
  /** @type {any} */
  const heard = { pc, sent: [], silences: 0, broken: [] };
  heard.offers = new Offers(/** @type {any} */ (pc), {
    send: (sdp) => heard.sent.push(sdp),
    onSilence: () => (heard.silences += 1),
    onBroken: (error) => heard.broken.push(error),
  });
  return heard;
}

class FakePeer {
  signalingState = "stable";
  /** @type {{sdp: string} | null} */
  localDescription = null;
  remote = "";
  refuses = false;
  #offers = 0;

  async setLocalDescription() {
    this.#offers += 1;
    this.signalingState = "have-local-offer";
    this.localDescription = { sdp: `offer ${this.#offers}` };
  }

  /** @param {{sdp: string}} description */
  async setRemoteDescription({ sdp }) {
    if (this.refuses) throw new Error("bad answer");
    this.signalingState = "stable";
    this.remote = sdp;
  }
}
