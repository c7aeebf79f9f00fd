// @ts-check
/**
 * What the call looks and sounds like: brings the roster, the arriving media and this person's own
 * picture together on the tiles.
 *
 * @typedef {import("./roster.js").TileModel} TileModel
 */
import { Speakers } from "./speakers.js";
import { Tiles } from "./tiles.js";
import { linesOf, Wishes } from "./wishes.js";

/** How often loudness is looked at: fast enough for a ring around a tile to feel alive. */
const LISTEN_EVERY_MS = 200;
/** Loudness (0 to 1) of a voice near a microphone, above a room's noise. */
const VOICE = 0.01;

export class Stage {
  speakers;
  #tiles;
  #roster;
  #call;
  #local;
  #wishes;
  #self = { id: "self", name: "" };
  #planned = false;
  /** @type {any} */
  #listening;

  /**
   * @param {object} parts
   * @param {import("./roster.js").Roster} parts.roster
   * @param {import("./call.js").Call} parts.call
   * @param {import("./media.js").LocalMedia} parts.local
   * @param {HTMLElement} parts.stage
   * @param {HTMLElement} parts.invitation
   * @param {HTMLElement} parts.speakers
   * @param {Wishes | null} parts.wishes without, every picture is sent at its best
   */
  constructor({ roster, call, local, stage, invitation, speakers, wishes }) {
    this.#roster = roster;
    this.#call = call;
    this.#local = local;
    this.#wishes = wishes;
    this.#tiles = new Tiles(stage, invitation, (sizes) => this.#wish(sizes));
    this.speakers = new Speakers(speakers);
    local.addEventListener("change", () => this.update());
  }

  /** @param {{id: string, name: string}} self */
  open(self) {
    this.#self = self;
    clearInterval(this.#listening);
    this.#listening = setInterval(() => this.#listen(), LISTEN_EVERY_MS);
    this.update();
  }

  close() {
    clearInterval(this.#listening);
    this.#listening = null;
    this.speakers.close();
    this.#tiles.clear();
  }

  /** Shows the present state, once for all that changed together. */
  update() {
    if (this.#planned) return;
    this.#planned = true;
    // Not an animation frame: a hidden tab has none, and must be heard all the same.
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#listening) this.#show();
    });
  }

  #show() {
    const models = this.#roster.tiles();
    const people = models.findIndex(({ screen }) => !screen);
    models.splice(people < 0 ? models.length : people, 0, this.#ownTile());
    this.#tiles.show(models, (model) => this.#viewOf(model));
    for (const { mid, participantId } of this.#roster.slots) {
      const track = participantId && this.#call.trackOf(mid);
      if (track && track.kind === "audio") this.speakers.play(mid, track);
    }
  }

  /**
   * A seat whose picture is on no tile needs none: somebody beyond the last tile, or a camera that
   * is muted.
   *
   * @param {Map<string, {width: number, height: number}>} sizes
   */
  #wish(sizes) {
    const shown = this.#roster.tiles().filter(({ mid, key }) => mid !== null && sizes.has(key));
    const lines = new Map(this.#roster.pictures().map((mid) => [mid, 0]));
    for (const { mid, key } of shown) {
      lines.set(String(mid), linesOf(/** @type {any} */ (sizes.get(key)), window.devicePixelRatio));
    }
    this.#wishes?.want(lines);
  }

  /** @returns {TileModel} */
  #ownTile() {
    return {
      key: "self",
      participantId: this.#self.id,
      name: this.#self.name,
      screen: false,
      mid: null,
      muted: !this.#local.isOn("microphone"),
      hidden: false,
    };
  }

  /** @param {TileModel} model */
  #viewOf({ key, mid }) {
    if (key === "self") return { track: this.#local.tracks.camera, self: true };
    return { track: mid === null ? null : this.#call.trackOf(mid) };
  }

  #listen() {
    const speaking = [...this.#roster.heard()].filter(([mid]) => this.#call.loudnessOf(mid) > VOICE);
    this.#tiles.speaking(new Set(speaking.map(([, participantId]) => participantId)));
  }
}
