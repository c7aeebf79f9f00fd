/** In the lobby: whether the call is to be encrypted. What it is encrypted with stands in the link. */
import { useState } from "preact/hooks";
import { encryptionObstacle, generatePassphrase } from "volley-client";
import { refusal } from "../state/errors.ts";
import { useApp, useChanges } from "../view/app.ts";
import { t } from "../words.ts";
import { keepSecret, readSecret } from "./secret.ts";

export function PrivacyField() {
  const { call } = useApp();
  useChanges(call);
  const [isOn, turn] = useState(() => readSecret(location.hash) !== null);
  const change = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    keepSecret(currentTarget.checked ? generatePassphrase() : null);
    turn(currentTarget.checked);
    // The link to copy is another one now.
    call.changed();
  };
  const obstacle = encryptionObstacle();
  return (
    <label class="check">
      <input type="checkbox" checked={isOn} disabled={obstacle !== null || call.phase !== "lobby"} onChange={change} />
      <span>
        {t("e2ee.field")}
        <span class="dim">{obstacle ? refusal(obstacle) : t("e2ee.field-about")}</span>
      </span>
    </label>
  );
}
