/** What whoever runs a room does over REST: mute somebody, or take them out. Takes the grant `administer`. */
import type { Rest } from "./rest.ts";

/** Which of somebody's tracks: those of a kind, or one. */
export type Selection = { kind: "audio" | "video" } | { trackId: string };

export class Moderation {
  #rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  /** Mutes tracks of somebody, or gives them back; what a person has switched off stays off. */
  async mute(participantId: string, which: Selection, muted: boolean): Promise<void> {
    await this.#request("POST", `${encodeURIComponent(participantId)}/${muted ? "mute" : "unmute"}`, which);
  }

  /** Takes somebody out; the token they came with lets them in no more. */
  async remove(participantId: string): Promise<void> {
    await this.#request("DELETE", encodeURIComponent(participantId));
  }

  #request(method: string, path: string, body?: Selection): Promise<unknown> {
    return this.#rest.request(method, `participants/${path}`, body);
  }
}
