/** The worker through which all encoded frames of a page pass: its streams, messages and clock. */
import type { Bytes } from "./bytes.ts";
import type { FromWorker, Place, ToWorker } from "./messages.ts";
import { GRACE_MS, Vault } from "./vault.ts";

/** A frame of either kind (WebRTC Encoded Transform §4); older browsers say the payload type alone. */
interface EncodedFrame {
  data: ArrayBuffer;
  getMetadata(): { mimeType?: string; payloadType?: number };
}

/** What a script transform brings (WebRTC Encoded Transform §3.2). */
interface Transformer {
  options: Place;
  readable: ReadableStream<EncodedFrame>;
  writable: WritableStream<EncodedFrame>;
  generateKeyFrame?(): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}

interface Scope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as Scope;
const payloadTypes = new Map<number, Map<number, string>>();
const transformers = new Set<Transformer>();
const vault = new Vault(tell);
let erasing = false;

scope.onmessage = ({ data }) => hear(data);
scope.onrtctransform = ({ transformer }) => {
  transformers.add(transformer);
  const { options, readable, writable } = transformer;
  void flow(options, readable, writable).finally(() => transformers.delete(transformer));
};

function hear(message: ToWorker): void {
  switch (message.type) {
    case "key":
      vault.make(message.passphrase, message.roomId).catch(() => tell({ type: "failed" }));
      return;
    case "epoch":
      void vault.advance(message.epoch);
      return;
    case "attach":
      void flow(message.place, message.readable, message.writable);
      return;
    case "codecs":
      payloadTypes.set(message.id, new Map(message.types));
      return;
    case "count":
      scope.postMessage({ type: "counted", question: message.question, counters: vault.counters });
  }
}

function tell(message: FromWorker): void {
  scope.postMessage(message);
  if (message.type === "ready") for (const transformer of transformers) void refresh(transformer);
  if (message.type === "epoch") erase();
}

/** Erases the keys of earlier epochs as soon as nobody uses them any more. */
function erase(): void {
  if (erasing) return;
  erasing = true;
  setTimeout(() => {
    erasing = false;
    if (vault.forget(performance.now())) erase();
  }, GRACE_MS);
}

/** What came before there was a key is lost: pictures begin anew. */
async function refresh(transformer: Transformer): Promise<void> {
  const { options } = transformer;
  const isPicture = options.way === "send" ? ["camera", "screen"].includes(options.source) : options.kind === "video";
  if (!isPicture) return;
  try {
    await (options.way === "send" ? transformer.generateKeyFrame?.() : transformer.sendKeyFrameRequest?.());
  } catch {
    // Not every browser knows this, and a sender may have stopped; viewers ask for key frames all the same.
  }
}

async function flow(place: Place, readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>): Promise<void> {
  const sealing = new TransformStream<EncodedFrame, EncodedFrame>({
    async transform(frame, controller) {
      const data = await pass(place, typeOf(place, frame), new Uint8Array(frame.data));
      if (!data) return;
      frame.data = data.byteLength === data.buffer.byteLength ? data.buffer : data.slice().buffer;
      controller.enqueue(frame);
    },
  });
  // It ends with the connection.
  await readable.pipeThrough(sealing).pipeTo(writable).catch(() => {});
}

function pass(place: Place, mimeType: string | undefined, frame: Bytes): Promise<Bytes | null> {
  return place.way === "send"
    ? vault.seal(place.source, mimeType, frame)
    : vault.open(place, mimeType, frame, performance.now());
}

function typeOf({ id }: Place, frame: EncodedFrame): string | undefined {
  const { mimeType, payloadType } = frame.getMetadata();
  return mimeType ?? payloadTypes.get(id)?.get(payloadType ?? -1);
}
