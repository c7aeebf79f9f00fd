/**
 * Whether a room is end-to-end encrypted, and whether we can open it. Who has a passphrase never goes
 * without encryption, whatever the server says; who has none sends nothing into an encrypted room.
 */
import { Emitter } from "../emitter.ts";
import { RoomError } from "../errors.ts";
import type { ServerMessage } from "../messages.ts";
import { Encryption, type EncryptionEvents, encryptionObstacle, type EncryptionOptions } from "./encryption.ts";

/** How private a call is. */
export interface Privacy {
  /** What is sent is sealed, and nothing else is taken for authentic. */
  encrypted: boolean;
  /** There is no key: nothing is sent, and nothing can be seen or heard. */
  locked: boolean;
  /** Digits to compare: the same on the screens of all who have the passphrase. */
  code: string | null;
  /** How often keys were renewed since somebody left. */
  epoch: number;
}

export class RoomEncryption extends Emitter<EncryptionEvents> {
  #options;
  #engine: Encryption | null = null;
  #roomId: string | null = null;

  constructor(options: EncryptionOptions = {}) {
    super();
    this.#options = options;
  }

  /** What senders and receivers go through; `null`: the room is not encrypted. */
  get engine(): Encryption | null {
    return this.#engine;
  }

  /** What the server is told of it. */
  get keyEpoch(): number | null {
    return this.#engine?.epoch ?? null;
  }

  get privacy(): Privacy {
    const engine = this.#engine;
    const locked = engine !== null && engine.code === null && !engine.isMaking;
    return { encrypted: engine !== null, locked, code: engine?.code ?? null, epoch: engine?.epoch ?? 0 };
  }

  /** We are about to enter this room. */
  enter(roomId: string, passphrase: string | null): void {
    this.close();
    this.#roomId = roomId;
    if (passphrase) this.#unlock(roomId, passphrase);
  }

  /**
   * Uses this passphrase from now on; everybody else needs it too. In a room that was not encrypted from
   * the start it is too late: what is sent there has found its way already.
   */
  unlock(passphrase: string): void {
    if (this.#roomId === null || !this.#engine) {
      throw new RoomError("not-encrypted", "this room is not encrypted; join another one with a passphrase");
    }
    this.#unlock(this.#roomId, passphrase);
  }

  #unlock(roomId: string, passphrase: string): void {
    this.#begin();
    this.#engine?.unlock(passphrase, roomId);
    this.emit("change", undefined);
  }

  hear(message: ServerMessage): void {
    if (message.type === "joined" && message.e2ee) this.#begin();
    if (message.type === "joined" || message.type === "key-epoch") this.#engine?.advance(message.keyEpoch);
    if (message.type === "slots") this.#engine?.recheck();
  }

  /** The call is over, and with it the keys. */
  close(): void {
    this.#engine?.close();
    this.#engine = null;
    this.#roomId = null;
  }

  #begin(): void {
    if (this.#engine) return;
    const obstacle = encryptionObstacle();
    if (obstacle) throw obstacle;
    const engine = new Encryption(this.#options);
    this.#engine = engine;
    engine.on("change", () => this.emit("change", undefined));
    this.emit("change", undefined);
  }
}
