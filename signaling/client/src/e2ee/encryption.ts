/**
 * End-to-end encryption as the page sees it: the way to the worker that has the keys. It puts the worker
 * into the way of every sender and receiver, and says what can be opened.
 */
import { Emitter } from "../emitter.ts";
import { RoomError } from "../errors.ts";
import { CODECS } from "./frames.ts";
import type { Source } from "./keys.ts";
import type { FromWorker, Place, SealCounters, ToWorker } from "./messages.ts";
import { spawn } from "./spawn.ts";

/** Of Chromium before it had script transforms; not in TypeScript's DOM types. */
interface Streams {
  createEncodedStreams?: () => { readable: ReadableStream; writable: WritableStream };
}

export interface EncryptionEvents {
  /** Keys, epoch, or what can be opened. */
  change: void;
}

export interface EncryptionOptions {
  /** Starts the worker, where it is to come from elsewhere. */
  worker?: (() => Worker) | undefined;
}

const INSECURE =
  "browsers encrypt only on pages that were opened over https:// or on localhost; open this one with https://";
const UNSUPPORTED =
  "this browser cannot encrypt a call end to end; use a Chromium-based browser, Firefox 117 or Safari 16.4, or newer ones";

/** Which of the two ways a browser has to see encoded frames. */
export type TransformWay = "script" | "streams" | null;

/** What keeps a page from encrypting here, with the way out; `null`: nothing does. */
export function encryptionObstacle(): RoomError | null {
  // Browsers leave it out of pages that came over plain HTTP from another host, and of their workers.
  if (!globalThis.crypto?.subtle) return new RoomError("e2ee-insecure", INSECURE);
  return frameAccess() === null ? new RoomError("e2ee-unsupported", UNSUPPORTED) : null;
}

/** `null`: nothing can be encrypted here, for which {@link encryptionObstacle} has the cause. */
export function transformWay(): TransformWay {
  return encryptionObstacle() === null ? frameAccess() : null;
}

function frameAccess(): TransformWay {
  if ("RTCRtpScriptTransform" in globalThis) return "script";
  const sender: Streams | undefined = globalThis.RTCRtpSender?.prototype as Streams | undefined;
  return sender?.createEncodedStreams ? "streams" : null;
}

export class Encryption extends Emitter<EncryptionEvents> {
  #way = transformWay();
  #worker: Worker;
  #places = new WeakMap<RTCRtpSender | RTCRtpReceiver, number>();
  #lastPlace = 0;
  #locked = new Set<number>();
  #code: string | null = null;
  #isMaking = false;
  #epoch = 0;
  #questions = new Map<number, (counters: SealCounters) => void>();
  #lastQuestion = 0;

  constructor({ worker }: EncryptionOptions = {}) {
    super();
    this.#worker = (worker ?? spawn)();
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#hear(data);
  }

  /** Digits that are the same for all who have the passphrase; `null`: there is no key. */
  get code(): string | null {
    return this.#code;
  }

  /** Keys are being made of a passphrase. */
  get isMaking(): boolean {
    return this.#isMaking;
  }

  /** Counts those who left. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What an RTCPeerConnection has to be made with. */
  get configuration(): object {
    return this.#way === "streams" ? { encodedInsertableStreams: true } : {};
  }

  /** Makes keys of this; what there was before is forgotten. */
  unlock(passphrase: string, roomId: string): void {
    this.#code = null;
    this.#isMaking = true;
    this.#say({ type: "key", passphrase, roomId, epoch: this.#epoch });
  }

  /** Somebody left: what is sent from now on is sealed with the keys of this epoch. */
  advance(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#say({ type: "epoch", epoch });
  }

  /** Before anything is sent on it. */
  send(sender: RTCRtpSender, source: Source): void {
    this.#attach(sender, { id: this.#place(sender), way: "send", source });
  }

  /** Before anything comes in on it. */
  receive(receiver: RTCRtpReceiver): void {
    const kind = receiver.track.kind as "audio" | "video";
    this.#attach(receiver, { id: this.#place(receiver), way: "receive", kind });
  }

  /** Descriptions were agreed on: frames may name their codec by a number alone. */
  learn(pc: RTCPeerConnection): void {
    for (const { sender, receiver } of pc.getTransceivers()) {
      for (const end of [sender, receiver]) this.#learn(end);
    }
  }

  /** Whether what comes in there cannot be opened by the key there is. */
  isLocked(receiver: RTCRtpReceiver): boolean {
    const id = this.#places.get(receiver);
    return id !== undefined && this.#locked.has(id);
  }

  /** Others may be in the seats now: whoever still cannot be opened is told of again in a moment. */
  recheck(): void {
    this.#locked.clear();
  }

  counters(): Promise<SealCounters> {
    this.#lastQuestion += 1;
    const question = this.#lastQuestion;
    return new Promise((answer) => {
      this.#questions.set(question, answer);
      this.#say({ type: "count", question });
    });
  }

  close(): void {
    this.#worker.terminate();
    this.#code = null;
  }

  #place(end: RTCRtpSender | RTCRtpReceiver): number {
    this.#lastPlace += 1;
    this.#places.set(end, this.#lastPlace);
    return this.#lastPlace;
  }

  #attach(end: RTCRtpSender | RTCRtpReceiver, place: Place): void {
    if (this.#way === "script") {
      end.transform = new RTCRtpScriptTransform(this.#worker, place);
    } else {
      const streams = (end as Streams).createEncodedStreams?.();
      if (!streams) throw new Error("this browser does not let frames be encrypted");
      const { readable, writable } = streams;
      this.#worker.postMessage({ type: "attach", place, readable, writable } satisfies ToWorker, [readable, writable] as Transferable[]);
    }
  }

  #learn(end: RTCRtpSender | RTCRtpReceiver): void {
    const id = this.#places.get(end);
    if (id === undefined) return;
    const types = (end.getParameters().codecs ?? []).map(({ payloadType, mimeType }) => [payloadType, mimeType] as const);
    this.#say({ type: "codecs", id, types });
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#code = message.code;
        this.#isMaking = false;
        this.#epoch = message.epoch;
        this.#locked.clear();
        break;
      case "failed":
        this.#isMaking = false;
        break;
      case "epoch":
        this.#epoch = Math.max(this.#epoch, message.epoch);
        break;
      case "locked":
        if (message.locked) this.#locked.add(message.id);
        else this.#locked.delete(message.id);
        break;
      case "counted":
        this.#questions.get(message.question)?.(message.counters);
        this.#questions.delete(message.question);
        return;
    }
    this.emit("change", undefined);
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}

/** Leaves of a transceiver's codecs those whose frames can be sealed. */
export function restrict(transceiver: RTCRtpTransceiver, kind: "audio" | "video", preferred: string | null): void {
  const known = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  if ("setCodecPreferences" in transceiver) transceiver.setCodecPreferences(sealable(known, preferred));
}

/** What goes with codecs: of packets and tones, and never looks into a frame. */
const HELPERS = ["video/rtx", "video/red", "video/ulpfec", "video/flexfec-03", "audio/telephone-event"];

/**
 * The codecs of a transceiver that can be sealed, VP8 first, which every browser has and which was tried
 * most. Redundant sound (RFC 2198) is none of them: a browser would seal two frames as one, which no server
 * could take apart.
 */
export function sealable<Codec extends { mimeType: string; sdpFmtpLine?: string }>(codecs: readonly Codec[], preferred: string | null): Codec[] {
  const named = (name: string) => ({ mimeType }: Codec) => `/${mimeType.toLowerCase()}`.endsWith(`/${name}`);
  // In packetization mode 0 a slice must fit a packet (RFC 6184 §6.2), and what is sealed is one slice.
  const fits = ({ mimeType, sdpFmtpLine = "" }: Codec) =>
    !mimeType.toLowerCase().endsWith("/h264") || sdpFmtpLine.includes("packetization-mode=1");
  const order = [preferred?.toLowerCase() ?? "vp8", ...CODECS, ...HELPERS];
  const sorted = order.flatMap((name) => codecs.filter(named(name)).filter(fits));
  return [...new Set(sorted)];
}
