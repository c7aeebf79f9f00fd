/** The room's link, and putting it on the clipboard. */
import { pathOf } from "./rooms.ts";

/** With what stands behind `#`, which no server ever sees: whoever follows the link has it, too. */
export function linkOf(roomId: string): string {
  return location.origin + pathOf(roomId) + location.hash;
}

/** Where a person learns what stands in a call's way; what lets them into the room lets them try. */
export function checkLink(search: string): string {
  const token = new URLSearchParams(search).get("token");
  return token === null ? "/check" : `/check?${new URLSearchParams({ token })}`;
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
