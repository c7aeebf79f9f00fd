/** Below the camera: what is to be seen behind the person. */
import { useId, useRef } from "preact/hooks";
import { useApp, useChanges } from "../view/app.ts";
import { Icon } from "../view/icon.tsx";
import { t } from "../words.ts";
import { canReplaceBackground } from "./background.ts";
import { backgroundChoice as behind } from "./choice.ts";

export function BackgroundField() {
  const { devices } = useApp();
  useChanges(behind);
  const id = useId();
  const file = useRef<HTMLInputElement>(null);
  const choose = (kind: string) => {
    if (kind === "picture") file.current?.click();
    else void behind.choose(devices, kind === "blur" ? { kind: "blur" } : null);
  };
  const change = ({ currentTarget }: { currentTarget: HTMLSelectElement }) => {
    const kind = currentTarget.value;
    // Until it is so: choosing a picture can be cancelled.
    currentTarget.value = behind.kind;
    choose(kind);
  };
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const picture = currentTarget.files?.[0];
    if (picture) void behind.choose(devices, { kind: "picture", file: picture });
    currentTarget.value = "";
  };
  if (!canReplaceBackground()) {
    return (
      <div class="field">
        <p class="hint">{t("background.unsupported")}</p>
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>{t("background")}</label>
      <div class="select">
        <Icon name="background" />
        <select id={id} value={behind.kind} onChange={change}>
          <option value="none">{t("background.none")}</option>
          <option value="blur">{t("background.blur")}</option>
          <option value="picture">{t("background.picture")}</option>
        </select>
      </div>
      <input ref={file} type="file" accept="image/*" hidden tabIndex={-1} onChange={take} />
      {behind.hasFailed && <p class="hint" role="alert">{t("background.failed")}</p>}
    </div>
  );
}
