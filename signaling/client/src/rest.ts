/** Requests to the server's REST interface, with the token that we came in with. */
import { RoomError } from "./errors.ts";

/** RFC 9110 §15.5.17: there is a file, and it has not even a first byte. */
const NOTHING_IN_IT = 416;

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
    const answer = await this.#send(path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw await refusalOf(answer);
    return answer.json().catch(() => null);
  }

  /** Resolves where something is to be had, without fetching all of it; throws like {@link request} where it is not. */
  async probe(path: string): Promise<void> {
    // The answer to HEAD would have no sentence.
    const answer = await this.#send(path, { method: "GET", headers: { range: "bytes=0-0" } });
    if (!answer.ok && answer.status !== NOTHING_IN_IT) throw await refusalOf(answer);
    await answer.body?.cancel();
  }

  #send(path: string, { headers, ...options }: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    if (this.token) headers["authorization"] = `Bearer ${this.token}`;
    return this.#ask(`${this.base}/${path}`, { ...options, headers });
  }
}

async function refusalOf(answer: Response): Promise<RoomError> {
  const problem = await answer.json().catch(() => ({}));
  return new RoomError(problem.code ?? `http-${answer.status}`, problem.detail ?? answer.statusText);
}
