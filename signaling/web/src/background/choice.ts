/** What the person wants to be seen behind them; one for the page, since lobby and settings show the same. */
import { type Devices, FILTER_FAILED } from "../media/devices.ts";
import { Changes } from "../state/changes.ts";
import { Background, type Choice } from "./background.ts";
import type { Counted } from "./messages.ts";

export class BackgroundChoice extends Changes {
  kind: "none" | Choice["kind"] = "none";
  /** The last choice could not be had. */
  hasFailed = false;
  #background = new Background();

  async choose(devices: Devices, choice: Choice | null): Promise<void> {
    const before = this.kind;
    try {
      if (choice) await this.#background.show(choice);
      this.kind = choice?.kind ?? "none";
      this.hasFailed = false;
    } catch {
      this.hasFailed = true;
    }
    // Also puts the list back to what holds.
    this.changed();
    const wasWithheld = !this.hasFailed && devices.whyMissing("camera") === FILTER_FAILED;
    if (wasWithheld || (before === "none") !== (this.kind === "none")) await devices.setFilter(choice ? this.#background : null);
  }

  /** What was painted so far; null: nothing. */
  count(): Promise<Counted | null> {
    return this.#background.count();
  }
}

export const backgroundChoice = new BackgroundChoice();
