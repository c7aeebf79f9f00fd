/** Beside the room's name: that the call is encrypted, and the code to compare; or what it takes to open it. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../view/app.ts";
import { Popover } from "../view/buttons.tsx";
import { Icon } from "../view/icon.tsx";
import { t } from "../words.ts";
import { keepSecret, secretOf } from "./secret.ts";
import { usePrivacy } from "./use-privacy.ts";

export function Shield() {
  const { room } = useApp();
  const { encrypted, locked, code } = usePrivacy(room);
  if (!encrypted) return null;
  return (
    <Popover icon={locked ? "lock" : "shield"} label={t(locked ? "e2ee.locked" : "e2ee.on")} class={locked ? "shield locked" : "shield"}>
      {locked ? <Unlock /> : <Code code={code} />}
    </Popover>
  );
}

function Code({ code }: { code: string | null }) {
  return (
    <div class="secret">
      <p>{t("e2ee.about")}</p>
      <p class="code" aria-label={t("e2ee.code")}>{code ?? "…"}</p>
      <p class="hint">{t("e2ee.compare")}</p>
      <button type="button" class="quiet" data-closes>
        <Icon name="close" />
        <span>{t("close")}</span>
      </button>
    </div>
  );
}

function Unlock() {
  const { room } = useApp();
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
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
  };
  return (
    <form class="secret" onSubmit={submit}>
      <p>{t("e2ee.locked-about")}</p>
      <label for="secret">{t("e2ee.passphrase")}</label>
      <input ref={field} id="secret" type="text" autocomplete="off" autocapitalize="none" spellcheck={false} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      <button type="submit" class="primary">{t("e2ee.unlock")}</button>
    </form>
  );
}
