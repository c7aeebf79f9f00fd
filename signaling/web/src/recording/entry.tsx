/** The menu's way to the recordings. */
import { useApp, useChanges } from "../view/app.ts";
import { MenuItem } from "../view/buttons.tsx";
import { t } from "../words.ts";

export function RecordEntry() {
  const { tape, screen } = useApp();
  useChanges(tape);
  if (!tape.isOffered) return null;
  return <MenuItem icon="record" label={t("recordings")} onClick={() => screen.toggle("recordings")} />;
}
