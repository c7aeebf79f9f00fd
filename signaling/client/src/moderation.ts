/** What whoever runs a room does over REST: mute somebody, or take them out. Takes the grant `administer`. */
import { RoomError } from "./errors.ts";

/** Which of somebody's tracks: those of a kind, or one. */
export type Selection = { kind: "audio" | "video" } | { trackId: string };

export class Moderation {
  #base;
  #token;
  #ask;

  /** `base`: the address of the room in the API. */
  constructor(base: string, token: string | undefined, ask: typeof fetch = (...words) => fetch(...words)) {
    this.#base = base;
    this.#token = token;
    this.#ask = ask;
  }

  /** Mutes tracks of somebody, or gives them back; what a person has switched off stays off. */
  async mute(participantId: string, which: Selection, muted: boolean): Promise<void> {
    await this.#request("POST", `${encodeURIComponent(participantId)}/${muted ? "mute" : "unmute"}`, which);
  }

  /** Takes somebody out; the token they came with lets them in no more. */
  async remove(participantId: string): Promise<void> {
    await this.#request("DELETE", encodeURIComponent(participantId));
  }

  async #request(method: string, path: string, body?: Selection): Promise<void> {
    const headers: Record<string, string> = {};
    if (body) headers["content-type"] = "application/json";
    if (this.#token) headers["authorization"] = `Bearer ${this.#token}`;
    const options = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const answer = await this.#ask(`${this.#base}/participants/${path}`, options);
    if (answer.ok) return;
    const problem = await answer.json().catch(() => ({}));
    throw new RoomError(problem.code ?? `http-${answer.status}`, problem.detail ?? answer.statusText);
  }
}
