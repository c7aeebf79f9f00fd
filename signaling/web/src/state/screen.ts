/** What stands beside the stage: a panel, a dialog, full screen. */
import { Changes } from "./changes.ts";

export type Panel = "chat" | "people" | "inside" | "recordings";
export type Dialog = "settings" | "shortcuts";

export class Screen extends Changes {
  panel: Panel | null = null;
  dialog: Dialog | null = null;

  toggle(panel: Panel): void {
    this.panel = this.panel === panel ? null : panel;
    this.changed();
  }

  closePanel(): void {
    this.panel = null;
    this.changed();
  }

  open(dialog: Dialog | null): void {
    this.dialog = dialog;
    this.changed();
  }
}
