/** Requests to the server's REST interface, with the token that we came in with. */
import { RoomError } from "./errors.ts";

export class Rest {
  readonly base;
  readonly token;
  #ask;

  /** `base`: the address of the room in the API. */
  constructor(base: string, token: string | undefined, ask: typeof fetch = (...words) => fetch(...words)) {
    this.base = base;
    this.token = token;
    this.#ask = ask;
  }

  /** What was answered; a refusal is thrown with the server's own code and sentence. */
  async request(method: string, path: string, body?: unknown): Promise<unknown> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (this.token) headers["authorization"] = `Bearer ${this.token}`;
    const options = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const answer = await this.#ask(`${this.base}/${path}`, options);
    if (answer.ok) return answer.json().catch(() => null);
    const problem = await answer.json().catch(() => ({}));
    throw new RoomError(problem.code ?? `http-${answer.status}`, problem.detail ?? answer.statusText);
  }
}
