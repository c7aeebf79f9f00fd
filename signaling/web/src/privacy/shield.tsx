/**
 * Beside the room's name: that the call is encrypted, and the code to compare; what it takes to open it, or to
 * open it with another key where this one does not fit.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../view/app.ts";
import { Popover } from "../view/buttons.tsx";
import { Icon } from "../view/icon.tsx";
import { t } from "../words.ts";
import { keepSecret, secretOf } from "./secret.ts";
import { isForeign, usePrivacy } from "./use-privacy.ts";

export function Shield() {
  const { room } = useApp();
  const { encrypted, locked, code } = usePrivacy(room);
  if (!encrypted) return null;
  const isWrong = !locked && isForeign(room);
  const label = t(locked ? "e2ee.locked" : isWrong ? "e2ee.foreign" : "e2ee.on");
  return (
    <Popover icon={locked || isWrong ? "lock" : "shield"} label={label} class={locked || isWrong ? "shield locked" : "shield"}>
      {locked ? <Unlock about={t("e2ee.locked-about")} takesFocus /> : <Code code={code} isWrong={isWrong} />}
    </Popover>
  );
}

function Code({ code, isWrong }: { code: string | null; isWrong: boolean }) {
  // Whoever is typing must not lose the field because seats are given away meanwhile, and nobody knows
  // for a moment who can be opened.
  const [asks, ask] = useState(isWrong);
  useEffect(() => {
    if (isWrong) ask(true);
  }, [isWrong]);
  return (
    <div class="secret">
      <p>{t("e2ee.about")}</p>
      <p class="code" aria-label={t("e2ee.code")}>{code ?? "…"}</p>
      <p class="hint">{t("e2ee.compare")}</p>
      {asks && <Unlock about={t("e2ee.foreign-about")} onDone={() => ask(false)} />}
      <button type="button" class="quiet" data-closes>
        <Icon name="close" />
        <span>{t("close")}</span>
      </button>
    </div>
  );
}

interface UnlockProps {
  about: string;
  /** It is all there is to do here. */
  takesFocus?: boolean;
  onDone?: () => void;
}

function Unlock({ about, takesFocus = false, onDone }: UnlockProps) {
  const { room, call } = useApp();
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!takesFocus) return;
    // What opens this takes the focus to its first button.
    const timer = setTimeout(() => field.current?.focus());
    return () => clearTimeout(timer);
  }, []);
  const submit = (event: Event) => {
    event.preventDefault();
    const secret = secretOf(text);
    if (!secret) return;
    keepSecret(secret);
    room.unlock(secret);
    // The link to copy is another one now.
    call.changed();
    onDone?.();
  };
  return (
    <form class="secret" onSubmit={submit}>
      <p>{about}</p>
      <label for="secret">{t("e2ee.passphrase")}</label>
      <input ref={field} id="secret" type="text" autocomplete="off" autocapitalize="none" spellcheck={false} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      <button type="submit" class="primary">{t("e2ee.unlock")}</button>
    </form>
  );
}
