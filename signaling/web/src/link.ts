/** The room's link, and putting it on the clipboard. */
import { part } from "./dom.ts";
import { pathOf } from "./rooms.ts";

/** How long a button says that it has copied. */
const SAID_FOR_MS = 2000;

export function linkOf(roomId: string): string {
  return location.origin + pathOf(roomId);
}

export function bindCopy(buttons: Iterable<HTMLElement>, link: () => string, say: (sentence: string) => void): void {
  for (const button of buttons) {
    const label = part("span", button);
    const rest = label.textContent;
    button.onclick = async () => {
      const copied = await copy(link());
      label.textContent = copied ? "Copied" : "Copy it from the address bar";
      say(label.textContent);
      setTimeout(() => (label.textContent = rest), SAID_FOR_MS);
    };
  }
}

async function copy(text: string): Promise<boolean> {
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
