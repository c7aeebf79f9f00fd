/**
 * The recording of this room as the page has it: whether one goes on, the question that everybody is asked when
 * it does, begin and end it, and the list of those there were. It shows nothing.
 */
import { type Recording, type Room, RoomError } from "volley-client";
import { Changes } from "../state/changes.ts";
import type { Notices } from "../state/notices.ts";
import { t, type Word } from "../words.ts";

/** While somebody looks and one is not complete yet, the list is fetched so often. */
const LOOK_EVERY_MS = 3000;

/** What keeps us from recording, in a sentence of its own. */
const WHY_NOT: Partial<Record<string, Word>> = {
  off: "record.off",
};

/** Where a file is, when it is not on this server. */
const ELSEWHERE: Partial<Record<string, Word>> = {
  "file-in-store": "record.in-store",
  "file-elsewhere": "record.elsewhere",
};

/** A file that is played. */
export interface Playing {
  recordingId: string;
  file: string;
}

export class Tape extends Changes {
  /** The newest first; null: not known yet. */
  all: readonly Recording[] | null = null;
  playing: Playing | null = null;
  /** Something was asked of the server, and is not answered yet. */
  isBusy = false;
  /** What did not work, in a sentence. */
  problem = "";
  #room;
  #notices;
  /** The recording of which this person has been told, or which they began. */
  #told: string | null = null;
  #isMine = false;
  /** They have been told that it fails. */
  #toldOfFailing = false;
  #looking: ReturnType<typeof setTimeout> | undefined;

  constructor(room: Room, notices: Notices) {
    super();
    this.#room = room;
    this.#notices = notices;
    room.on("recording", (recordingId) => this.#is(recordingId));
    // However it was left.
    room.on("state", (state) => state === "idle" && this.clear());
  }

  get isRunning(): boolean {
    return this.#room.recordings.current !== null;
  }

  /** Whether what happens now is missing in it. */
  get isFailing(): boolean {
    return this.#room.recordings.isFailing;
  }

  /** Whether there is anything to begin, to look at, or to be told why not. */
  get isOffered(): boolean {
    return this.#room.recordings.recordable !== "not-granted";
  }

  /** Why nothing can be recorded here; null: it can. */
  get whyNot(): string | null {
    const word = WHY_NOT[this.#room.recordings.recordable];
    return word ? t(word) : null;
  }

  /** Whether there is a list to look at. */
  get hasList(): boolean {
    return this.#room.recordings.recordable === "yes";
  }

  async start(): Promise<void> {
    this.#isMine = true;
    const began = await this.#ask(() => this.#room.recordings.start());
    if (!began) this.#isMine = false;
  }

  async stop(): Promise<void> {
    await this.#ask(() => this.#room.recordings.stop());
  }

  async remove(recordingId: string): Promise<void> {
    if (this.playing?.recordingId === recordingId) this.play(null);
    await this.#ask(() => this.#room.recordings.remove(recordingId));
    await this.#fetch();
  }

  play(playing: Playing | null): void {
    this.playing = playing;
    this.changed();
  }

  addressOf({ recordingId, file }: Playing): string {
    return this.#room.recordings.addressOf(recordingId, file);
  }

  /** Why a file cannot be had from this server, in a sentence; "": it can. */
  async whyMissing({ recordingId, file }: Playing): Promise<string> {
    try {
      await this.#room.recordings.look(recordingId, file);
      return "";
    } catch (error) {
      return why(error);
    }
  }

  /** Somebody looks at the list from now on; returns how to stop. */
  look(): () => void {
    void this.#fetch();
    const again = () => {
      if (this.all?.some(({ state }) => state === "recording")) void this.#fetch();
      this.#looking = setTimeout(again, LOOK_EVERY_MS);
    };
    this.#looking = setTimeout(again, LOOK_EVERY_MS);
    return () => {
      clearTimeout(this.#looking);
      this.problem = "";
    };
  }

  /** The room was left. */
  clear(): void {
    this.all = null;
    this.playing = null;
    this.problem = "";
    this.#told = null;
    this.#toldOfFailing = false;
    this.changed();
  }

  /** A room is recorded, from now on or since before we came; or no longer. */
  #is(recordingId: string | null): void {
    if (recordingId === null) {
      this.#notices.hide("recording");
      if (this.#told !== null) this.#notices.say(t("recording.ended"));
    } else if (recordingId !== this.#told && !this.#isMine) {
      this.#notices.show("recording", {
        text: t("record.consent"),
        urgent: true,
        action: { label: t("record.stay"), does: "stay" },
        other: { label: t("leave"), does: "cancel" },
      });
      this.#notices.say(t("recording.began"));
    }
    // It may be told of before the request is answered, and after.
    if (recordingId !== null) this.#isMine = false;
    this.#told = recordingId;
    this.#tellOfFailing(recordingId !== null);
    if (this.all !== null) void this.#fetch();
    this.changed();
  }

  #tellOfFailing(isRunning: boolean): void {
    if (this.isFailing === this.#toldOfFailing) return;
    this.#toldOfFailing = this.isFailing;
    if (this.isFailing) this.#notices.show("recording-failing", { text: t("recording.failing.why"), urgent: true });
    else this.#notices.hide("recording-failing");
    if (!this.isFailing && isRunning) this.#notices.say(t("recording.again"));
  }

  async #fetch(): Promise<void> {
    if (!this.hasList) return;
    try {
      this.all = await this.#room.recordings.list();
    } catch (error) {
      this.problem = why(error);
    }
    this.changed();
  }

  /** True: it was done. */
  async #ask(what: () => Promise<void>): Promise<boolean> {
    this.isBusy = true;
    this.problem = "";
    this.changed();
    try {
      await what();
    } catch (error) {
      this.problem = why(error);
    }
    this.isBusy = false;
    this.changed();
    return this.problem === "";
  }
}

function why(error: unknown): string {
  const word = error instanceof RoomError ? ELSEWHERE[error.code] : undefined;
  return t(word ?? "record.failed", { why: error instanceof Error ? error.message : String(error) });
}
