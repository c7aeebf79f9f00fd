/** The buttons of lobby and call: they show what is on and change it. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Input } from "volley-client";
import { copy } from "../state/link.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { Icon, type IconName } from "./icon.tsx";

/** How long a button says that it has copied. */
const SAID_FOR_MS = 2000;

export interface RoundProps {
  icon: IconName;
  /** Its name, which stays. */
  label: string;
  /** What a click does, where that is not the name. */
  title?: string;
  pressed?: boolean;
  expanded?: boolean;
  id?: string;
  class?: string;
  count?: number;
  onClick: () => void;
}

/** A round button with a pictogram. The tooltip says what a click does, and `aria-pressed` tells the state. */
export function Round({ icon, label, title = label, pressed, expanded, id, class: extra = "", count = 0, onClick }: RoundProps) {
  return (
    <button type="button" id={id} class={`round ${extra}`} aria-label={label} title={title} aria-pressed={pressed} aria-expanded={expanded} onClick={onClick}>
      <Icon name={icon} />
      {count > 0 && <span class="count" aria-hidden="true">{count > 99 ? "99+" : count}</span>}
    </button>
  );
}

/** Microphone or camera, on or off. */
export function InputToggle({ input }: { input: Input }) {
  const { devices } = useApp();
  useChanges(devices);
  const on = devices.isOn(input);
  const icon = input === "camera" ? "camera" : "mic";
  return (
    <button
      type="button"
      class="round toggle"
      data-device={input}
      aria-pressed={on}
      aria-label={t(`device.${input}`)}
      title={t(`${input}.${on ? "off" : "on"}`)}
      onClick={() => void devices.set(input, !on)}
    >
      <Icon name={on ? icon : `${icon}-off`} />
    </button>
  );
}

/** Puts the link on the clipboard, and says so. */
export function CopyButton({ link, class: kind = "quiet" }: { link: string; class?: string }) {
  const { notices } = useApp();
  const [said, say] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => say(null), SAID_FOR_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const press = async () => {
    const sentence = t((await copy(link)) ? "copied" : "copy-by-hand");
    say(sentence);
    notices.say(sentence);
  };
  return (
    <button type="button" class={`${kind} copy`} title={t("copy")} onClick={() => void press()}>
      <Icon name={said === null ? "link" : "check"} />
      <span>{said ?? t("copy")}</span>
    </button>
  );
}

/** A button and what opens above it. Escape, a click elsewhere, or leaving it closes it. */
export function Popover({ icon, label, class: extra = "", children }: { icon: IconName; label: string; class?: string; children: ComponentChildren }) {
  const [isOpen, open] = useState(false);
  const home = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!isOpen) return;
    const outside = ({ target }: Event) => {
      if (!home.current?.contains(target as Node)) open(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    seenIn(home.current, ".popover :is(button, select)")[0]?.focus();
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [isOpen]);
  const close = () => {
    open(false);
    home.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      close();
    } else if (isOpen) {
      walk(event, home.current);
    }
  };
  return (
    <div class={`has-popover ${extra}`} ref={home} onKeyDown={onKeyDown}>
      <button type="button" class="round opener" aria-label={label} title={label} aria-expanded={isOpen} aria-controls={isOpen ? id : undefined} onClick={() => open(!isOpen)}>
        <Icon name={icon} />
      </button>
      {isOpen && (
        <div class="popover" id={id} role="group" aria-label={label} onClick={(event) => (event.target as Element).closest("[data-closes]") && close()}>
          {children}
        </div>
      )}
    </div>
  );
}

/** Without those that a window of this width does not show. */
function seenIn(home: HTMLElement | null, selector: string): HTMLElement[] {
  return [...(home?.querySelectorAll<HTMLElement>(selector) ?? [])].filter((one) => one.getClientRects().length > 0);
}

/** Up and down among the entries of a menu. */
function walk(event: KeyboardEvent, home: HTMLElement | null): void {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
  const step = steps[event.key];
  const entries = seenIn(home, ".popover .entry");
  const at = entries.indexOf(document.activeElement as HTMLElement);
  if (step === undefined || at < 0) return;
  event.preventDefault();
  entries[(at + step + entries.length) % entries.length]?.focus();
}

/** One entry of a menu. */
export function MenuItem({ icon, label, checked, class: extra = "", onClick }: { icon: IconName; label: string; checked?: boolean; class?: string; onClick: () => void }) {
  return (
    <button type="button" class={`entry ${extra}`} data-closes aria-pressed={checked} onClick={onClick}>
      <Icon name={icon} />
      <span>{label}</span>
      {checked && <Icon name="check" />}
    </button>
  );
}
