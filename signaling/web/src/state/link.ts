/** The room's link, and putting it on the clipboard. */
import { pathOf } from "./rooms.ts";

/** With what stands behind `#`, which no server ever sees: whoever follows the link has it, too. */
export function linkOf(roomId: string): string {
  return location.origin + pathOf(roomId) + location.hash;
}

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

/** Pages over plain http:// have no clipboard but this. */
function copyOldWay(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
