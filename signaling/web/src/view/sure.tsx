/** A question before something that cannot be taken back: it has the focus, and Escape means no. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../words.ts";

interface SureProps {
  /** Its name. */
  label: string;
  text: string;
  /** What the button says that does it. */
  does: string;
  kind?: "danger" | "primary";
  id?: string;
  disabled?: boolean;
  onNo: () => void;
  onYes: () => void;
}

export function Sure({ label, text, does, kind = "danger", id, disabled, onNo, onYes }: SureProps) {
  const home = useRef<HTMLDivElement>(null);
  // On the answer that does nothing.
  useLayoutEffect(() => home.current?.querySelector("button")?.focus(), []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onNo();
  };
  const agree = () => {
    // The question goes, and often what it was about: the list around them stays.
    home.current?.closest<HTMLElement>(".scrolls")?.focus();
    onYes();
  };
  return (
    <div class="sure" role="alertdialog" aria-label={label} ref={home} onKeyDown={onKeyDown}>
      <span>{text}</span>
      <button type="button" onClick={onNo}>{t("cancel")}</button>
      <button type="button" class={kind} id={id} disabled={disabled} onClick={agree}>{does}</button>
    </div>
  );
}

/** Whether such a question is open; after a no the focus goes back to the button that asked it. */
export function useQuestion() {
  const [isAsking, turn] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const wasNo = useRef(false);
  useLayoutEffect(() => {
    if (wasNo.current) opener.current?.focus();
    wasNo.current = false;
  }, [isAsking]);
  const close = () => turn(false);
  const no = () => {
    wasNo.current = true;
    close();
  };
  return { isAsking, opener, ask: () => turn(true), no, close };
}
