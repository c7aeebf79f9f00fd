import "./old-node.js";

/** A socket the test holds the other end of. */
export class FakeSocket {
  readyState = 0;
  /** @type {any[]} */
  sent = [];

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  opens() {
    this.readyState = 1;
    this.onopen?.({});
  }

  /** @param {object} message */
  says(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  drops() {
    this.readyState = 3;
    this.onclose?.({});
  }
}

/** @param {object} [more] */
export function joined(more = {}) {
  return {
    type: "joined",
    roomId: "room",
    participantId: "p1",
    participantName: "Ada",
    resumeToken: "secret",
    resumed: false,
    mode: "sfu",
    iceServers: [],
    participants: [],
    ...more,
  };
}

/** Lets promises settle without moving the clock. */
export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
