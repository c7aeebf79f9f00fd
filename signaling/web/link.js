// @ts-check
/** The room's link, and putting it on the clipboard. */
import { pathOf } from "./rooms.js";

/** How long a button says that it has copied. */
const SAID_FOR_MS = 2000;

/** @param {string} roomId */
export function linkOf(roomId) {
  return location.origin + pathOf(roomId);
}

/**
 * @param {Iterable<HTMLElement>} buttons
 * @param {() => string} link
 * @param {(sentence: string) => void} say
 */
export function bindCopy(buttons, link, say) {
  for (const button of buttons) {
    const label = /** @type {HTMLElement} */ (button.querySelector("span"));
    const rest = label.textContent;
    button.onclick = async () => {
      const copied = await copy(link());
      label.textContent = copied ? "Copied" : "Copy it from the address bar";
      say(label.textContent);
      setTimeout(() => (label.textContent = rest), SAID_FOR_MS);
    };
  }
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
}

/** Pages over plain http:// have no clipboard but this. @param {string} text */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
