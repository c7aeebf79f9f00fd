/**
 * Recordings of the room: whether one goes on, begin and end it, and what was recorded before. Takes the grant
 * `record`, where tokens are asked for; that one goes on, everybody in the room is told.
 */
import { RoomError } from "./errors.ts";
import type { FromServer, Recordable, ServerMessage } from "./messages.ts";
import type { Rest } from "./rest.ts";

/** One file of a recording: what one person sent of camera and microphone, or of a screen. */
export interface RecordingFile {
  name: string;
  participantId: string;
  shows: "camera" | "screen";
  /** Which of several cameras, or screens, they published at once; without it the first. */
  number?: number;
  /** Where its beginning lies in the recording. */
  offsetMs: number;
  durationMs: number;
  bytes: number;
  /** Whether it is complete. */
  isFinished: boolean;
  /** Why it could not be completed. */
  failure?: string;
  video?: { codec: string; width: number; height: number };
  audio?: { codec: string };
}

/** What a recording consists of; its manifest has more. */
export interface Recording {
  recordingId: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Null while it goes on. */
  endedAt: number | null;
  /** `failed`: it is over, and a file of it could not be completed; the others are. */
  state: "recording" | "complete" | "failed";
  /** The recorder died or was cut off meanwhile: something may be missing at that place. */
  interrupted: boolean;
  /** When nothing could be written, and why; `atMs` in milliseconds since 1970. */
  failures: { atMs: number; reason: string }[];
  /** Packets that were not recorded, since the recorder or the line to it was too slow. */
  droppedPackets: number;
  /** `e2ee`: the files are sealed; `volley recording decrypt` opens them for who has the passphrase. */
  room: { id: string; name: string; e2ee?: boolean };
  participants: { participantId: string; participantName: string }[];
  files: RecordingFile[];
}

export class Recordings {
  #rest;
  #current: string | null = null;
  #failing = false;
  #recordable: Recordable = "off";

  /** `rest`: throws where there is no room. */
  constructor(rest: () => Rest) {
    this.#rest = rest;
  }

  /** The recording that goes on. */
  get current(): string | null {
    return this.#current;
  }

  /** Whether what happens now is missing in it, since it cannot be written; it goes on when that is over. */
  get isFailing(): boolean {
    return this.#failing;
  }

  /** Whether we may start and stop recordings here, and if not, why. A server of before tells nothing: `off`. */
  get recordable(): Recordable {
    return this.#recordable;
  }

  /** Begins one. What is recorded already goes on. */
  async start(): Promise<void> {
    await this.#change("start", "already-recording");
  }

  /** Ends the one that goes on. */
  async stop(): Promise<void> {
    await this.#change("stop", "not-recording");
  }

  /** All of this room, the newest first. */
  async list(): Promise<Recording[]> {
    const all: Recording[] = [];
    let cursor: string | null | undefined;
    do {
      const part = cursor ? `recordings?cursor=${encodeURIComponent(cursor)}` : "recordings";
      const answer = (await this.#rest().request("GET", part)) as { recordings: Recording[]; nextCursor?: string | null };
      all.push(...answer.recordings);
      cursor = answer.nextCursor;
    } while (cursor);
    return all;
  }

  /** Deletes one with all its files. */
  async remove(recordingId: string): Promise<void> {
    await this.#rest().request("DELETE", `recordings/${encodeURIComponent(recordingId)}`);
  }

  /** Where a file is fetched from, also in parts: for a player or a download, which can send no header. */
  addressOf(recordingId: string, file: string): string {
    const { base, token } = this.#rest();
    const address = `${base}/${pathOf(recordingId, file)}`;
    return token ? `${address}?access_token=${encodeURIComponent(token)}` : address;
  }

  /**
   * Whether a file is to be had where {@link addressOf} says: rejects with the server's sentence where it is on
   * another machine (`file-elsewhere`) or in a store alone (`file-in-store`). A player would not tell, and a
   * download would be that sentence.
   */
  async look(recordingId: string, file: string): Promise<void> {
    await this.#rest().probe(pathOf(recordingId, file));
  }

  /** The room was left. */
  clear(): void {
    this.#current = null;
    this.#failing = false;
    this.#recordable = "off";
  }

  /** True: it is otherwise now whether the room is recorded, whether that fails, or whether we may. */
  hear(message: ServerMessage): boolean {
    switch (message.type) {
      case "joined":
        return this.#entered(message);
      case "recording-started":
        return this.#is(message.recordingId);
      case "recording-failing":
        return this.#fails(message.failing);
      case "recording-stopped":
        return this.#is(null);
      default:
        return false;
    }
  }

  #entered({ recording, recordable }: FromServer<"joined">): boolean {
    const before = this.#recordable;
    this.#recordable = recordable ?? "off";
    return this.#is(recording ?? null) || before !== this.#recordable;
  }

  #is(current: string | null): boolean {
    const before = this.#current;
    this.#current = current;
    // Whoever comes back is told behind that whether it still fails.
    const failed = before !== current && this.#fails(false);
    return before !== current || failed;
  }

  #fails(failing: boolean): boolean {
    const before = this.#failing;
    this.#failing = failing;
    return before !== failing;
  }

  /** Two may press a button at once: then both have what they wanted. */
  async #change(how: "start" | "stop", isSo: string): Promise<void> {
    try {
      await this.#rest().request("POST", `recording/${how}`);
    } catch (error) {
      if (!(error instanceof RoomError) || error.code !== isSo) throw error;
    }
  }
}

function pathOf(recordingId: string, file: string): string {
  return `recordings/${encodeURIComponent(recordingId)}/files/${encodeURIComponent(file)}`;
}
