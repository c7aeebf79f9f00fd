// @ts-check
/**
 * Who is in the room, what they send, and which of it arrives in which seat: pure state, told by
 * the server's messages. No DOM, no media.
 *
 * @typedef {import("./signaling.js").Track} Track
 * @typedef {import("./signaling.js").Slot} Slot
 * @typedef {{id: string, name: string, hidden: boolean, tracks: Map<string, Track>}} Person
 * @typedef {object} TileModel
 * @property {string} key
 * @property {string} participantId
 * @property {string} name
 * @property {boolean} screen a shared screen, not a person
 * @property {string | null} mid the m-line its video arrives on
 * @property {boolean} muted no sound comes from this person
 * @property {boolean} hidden the server has lost sight of this person
 */

/** So few people are all seen, whoever has a camera; their tiles keep their places. */
const FEW = 9;

export class Roster {
  /** @type {Map<string, Person>} */
  people = new Map();
  /** @type {Slot[]} */
  slots = [];
  /** Who speaks now, whoever began last first. @type {string[]} */
  speakers = [];

  /**
   * @param {any} message
   * @returns {boolean} whether anything may have changed
   */
  hear(message) {
    switch (message.type) {
      case "joined":
        return this.#reset(message);
      case "participant-joined":
        this.#add(message);
        return true;
      case "participant-left":
        return this.people.delete(message.participantId);
      case "participant-hidden":
        return this.#change(message, (person) => (person.hidden = message.hidden));
      case "track-published":
        return this.#change(message, (person) => person.tracks.set(message.track.trackId, message.track));
      case "track-unpublished":
        return this.#change(message, (person) => person.tracks.delete(message.trackId));
      case "track-muted":
        return this.#change(message, (person) => {
          const track = person.tracks.get(message.trackId);
          if (track) person.tracks.set(track.trackId, { ...track, muted: message.muted });
        });
      case "active-speakers":
        this.speakers = message.participantIds;
        return true;
      case "slots":
        this.slots = message.slots;
        return true;
      default:
        return false;
    }
  }

  /** One tile per person and one per shared screen, screens first. @returns {TileModel[]} */
  tiles() {
    const people = [...this.people.values()];
    const faces = people.map((person) => this.#faceOf(person));
    return [...people.flatMap((person) => this.#screensOf(person)), ...this.#inOrder(faces)];
  }

  /**
   * Where there are more people than seats, not all have a tile of their own either: those who are
   * seen come first, and among the others those who speak. @param {TileModel[]} faces
   */
  #inOrder(faces) {
    const seats = new Set(this.slots.filter(({ participantId }) => participantId).map(({ participantId }) => participantId));
    const pictures = this.slots.filter(({ source }) => source === "camera").length;
    if (faces.length <= FEW || pictures >= faces.length) return faces;
    /** @param {TileModel} face */
    const worth = (face) => Number(seats.has(face.participantId)) * 2 + Number(this.speakers.includes(face.participantId));
    return faces.sort((one, other) => worth(other) - worth(one));
  }

  /** The people whose sound arrives, by m-line. @returns {Map<string, string>} mid → participant */
  heard() {
    const heard = new Map();
    for (const { mid, participantId, source } of this.slots) {
      if (participantId && source === "microphone") heard.set(mid, participantId);
    }
    return heard;
  }

  /** The m-lines on which somebody's picture arrives, or would. */
  pictures() {
    return this.slots.filter(({ source }) => source === "camera" || source === "screen").map(({ mid }) => mid);
  }

  /** @param {import("./signaling.js").Joined} joined */
  #reset(joined) {
    this.people.clear();
    this.speakers = [];
    for (const participant of joined.participants) this.#add(participant);
    if (!joined.resumed) this.slots = [];
    return true;
  }

  /** @param {{participantId: string, participantName: string, hidden?: boolean, tracks?: Track[]}} participant */
  #add({ participantId, participantName, hidden = false, tracks = [] }) {
    this.people.set(participantId, {
      id: participantId,
      name: participantName,
      hidden,
      tracks: new Map(tracks.map((track) => [track.trackId, track])),
    });
  }

  /**
   * @param {{participantId: string}} message
   * @param {(person: Person) => unknown} change
   */
  #change({ participantId }, change) {
    const person = this.people.get(participantId);
    if (person) change(person);
    return person !== undefined;
  }

  /** @param {Person} person @returns {TileModel} */
  #faceOf(person) {
    const camera = find(person, "camera");
    const microphone = find(person, "microphone");
    return {
      key: person.id,
      participantId: person.id,
      name: person.name,
      screen: false,
      mid: camera && !camera.muted ? this.#seatOf(camera) : null,
      muted: !microphone || microphone.muted,
      hidden: person.hidden,
    };
  }

  /** @param {Person} person @returns {TileModel[]} */
  #screensOf(person) {
    const screen = find(person, "screen");
    const mid = screen && this.#seatOf(screen);
    if (!mid) return [];
    return [
      {
        key: `${person.id} screen`,
        participantId: person.id,
        name: `${person.name}’s screen`,
        screen: true,
        mid,
        muted: false,
        hidden: person.hidden,
      },
    ];
  }

  /** @param {Track} track */
  #seatOf(track) {
    return this.slots.find((slot) => slot.trackId === track.trackId)?.mid ?? null;
  }
}

/** @param {Person} person @param {import("./signaling.js").Source} source */
function find(person, source) {
  return [...person.tracks.values()].find((track) => track.source === source) ?? null;
}
