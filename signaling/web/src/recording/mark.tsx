/** Beside the room's name, for everybody: this call is recorded. */
import { useApp, useChanges } from "../view/app.ts";
import { t } from "../words.ts";

export function Mark() {
  const { tape } = useApp();
  useChanges(tape);
  if (!tape.isRunning) return null;
  return (
    <span class={tape.isFailing ? "recording failing" : "recording"} role="status">
      <i aria-hidden="true" />
      {t(tape.isFailing ? "recording.failing" : "recording")}
    </span>
  );
}
