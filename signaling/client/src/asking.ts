/** A question whether we may come in, answered once: with who is there, or why not. */
import { RoomError } from "./errors.ts";
import type { FromServer } from "./messages.ts";

type Joined = FromServer<"joined">;

export class Asking {
  #open: { resolve: (joined: Joined) => void; reject: (error: RoomError) => void } | null = null;

  ask(): Promise<Joined> {
    return new Promise((resolve, reject) => (this.#open = { resolve, reject }));
  }

  letIn(joined: Joined): void {
    this.#open?.resolve(joined);
    this.#open = null;
  }

  refuse(code: string, message: string): void {
    this.#open?.reject(new RoomError(code, message));
    this.#open = null;
  }
}
