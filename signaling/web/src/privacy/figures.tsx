/** In the look inside: what became of encrypted frames, so that a wrong key can be told from a poor link. */
import { useEffect, useState } from "preact/hooks";
import type { SealCounters } from "volley-client";
import { useApp } from "../view/app.ts";
import { t } from "../words.ts";
import { usePrivacy } from "./use-privacy.ts";

const LOOKED_AT_EVERY_MS = 1000;

export function SealFigures() {
  const { room } = useApp();
  const { encrypted, epoch } = usePrivacy(room);
  const [counters, setCounters] = useState<SealCounters | null>(null);
  useEffect(() => {
    if (!encrypted) return;
    const timer = setInterval(() => void room.sealCounters().then(setCounters), LOOKED_AT_EVERY_MS);
    return () => clearInterval(timer);
  }, [encrypted]);
  if (!encrypted || !counters) return null;
  const { sealed, opened, withheld, keyless, unknownCodec, refused } = counters;
  const rows: [string, number][] = [
    [t("e2ee.sealed"), sealed],
    [t("e2ee.opened"), opened],
    [t("e2ee.withheld"), withheld],
    [t("e2ee.unopened"), keyless + unknownCodec],
    ...Object.entries(refused).filter(([, count]) => count > 0).map(([cause, count]): [string, number] => [`${t("e2ee.refused")}: ${cause}`, count]),
    [t("e2ee.epoch"), epoch],
  ];
  return (
    <table>
      <caption>{t("e2ee.frames")}</caption>
      <tbody>
        {rows.map(([name, count]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{count}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
