/** Starts the two workers and loads the model: nothing of this comes before somebody asks for it. */
import modelUrl from "@mediapipe/selfie_segmentation/selfie_segmentation_landscape.tflite?url";
import type { ToFinder, ToPainter } from "./messages.ts";

/** The worker that paints, and knows another one that finds people. */
export async function startPainter(): Promise<Worker> {
  const answer = await fetch(modelUrl);
  if (!answer.ok) throw new Error(`${modelUrl} cannot be loaded: ${answer.status}`);
  const model = await answer.arrayBuffer();
  const painter = new Worker(new URL("./painter.worker.ts", import.meta.url));
  const finder = new Worker(new URL("./finder.worker.ts", import.meta.url));
  const { port1, port2 } = new MessageChannel();
  painter.postMessage({ type: "finder", port: port1 } satisfies ToPainter, [port1]);
  finder.postMessage({ port: port2, model } satisfies ToFinder, [port2, model]);
  return painter;
}
