/** Starts the two workers and loads the model: nothing of this comes before somebody asks for it. */
import modelUrl from "@mediapipe/selfie_segmentation/selfie_segmentation_landscape.tflite?url";
import type { ToFinder, ToPainter } from "./messages.ts";

export interface Studio {
  /** The worker that paints, and knows another one that finds people. */
  painter: Worker;
  close: () => void;
}

/** `onFailed`: one of the two has broken, and what is painted from then on may show what is to be hidden. */
export async function startStudio(onFailed: () => void): Promise<Studio> {
  const answer = await fetch(modelUrl);
  if (!answer.ok) throw new Error(`${modelUrl} cannot be loaded: ${answer.status}`);
  const model = await answer.arrayBuffer();
  const painter = new Worker(new URL("./painter.worker.ts", import.meta.url));
  const finder = new Worker(new URL("./finder.worker.ts", import.meta.url));
  painter.onerror = finder.onerror = onFailed;
  const { port1, port2 } = new MessageChannel();
  painter.postMessage({ type: "finder", port: port1 } satisfies ToPainter, [port1]);
  finder.postMessage({ port: port2, model } satisfies ToFinder, [port2, model]);
  const close = () => {
    for (const worker of [painter, finder]) {
      worker.onerror = worker.onmessage = null;
      worker.terminate();
    }
  };
  return { painter, close };
}
