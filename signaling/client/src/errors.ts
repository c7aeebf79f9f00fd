/** What a server refuses. */

/** A refusal with the server's stable code (`room-full`, `token-expired`, …) and its sentence. */
export class RoomError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "RoomError";
    this.code = code;
  }
}
