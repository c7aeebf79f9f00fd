/** What is wrong with a recording, in sentences: one that lacks something must not look like a whole one. */
import type { Recording } from "volley-client";
import { t } from "../words.ts";

export function flawsOf({ state, interrupted, failures, droppedPackets, files }: Recording): string[] {
  const reasons = new Set([...failures.map(({ reason }) => reason), ...files.flatMap(({ failure }) => failure ?? [])]);
  const why = [...reasons].join("; ");
  const flaws: string[] = [];
  if (state === "failed" || files.some(({ failure }) => failure !== undefined)) flaws.push(t("record.incomplete"));
  if (interrupted) flaws.push(t("record.interrupted"));
  if (droppedPackets > 0) flaws.push(t("record.dropped", { count: droppedPackets }));
  if (why !== "") flaws.push(t("record.why", { why }));
  return flaws;
}
