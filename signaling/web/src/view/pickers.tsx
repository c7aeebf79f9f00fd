/** Which microphone, camera and speaker. */
import { useEffect, useId, useRef } from "preact/hooks";
import { watchLevel } from "../media/level.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { Icon } from "./icon.tsx";

export type Picked = "microphone" | "camera" | "speaker";

const KINDS: Record<Picked, MediaDeviceKind> = { microphone: "audioinput", camera: "videoinput", speaker: "audiooutput" };
const ICONS = { microphone: "mic", camera: "camera", speaker: "speaker" } as const;

export function Picker({ kind }: { kind: Picked }) {
  const { devices, preferences, speakers } = useApp();
  useChanges(devices, preferences);
  const id = useId();
  const list = devices.list.filter((one) => one.kind === KINDS[kind] && one.deviceId !== "");
  if (kind === "speaker" && (list.length === 0 || !("setSinkId" in HTMLMediaElement.prototype))) return null;
  const known = new Set(list.map(({ deviceId }) => deviceId));
  const used = kind === "speaker" ? "" : devices.current(kind);
  const value = [preferences.all[kind], used].find((one) => known.has(one)) ?? "";
  const choose = (deviceId: string) => {
    preferences.set({ [kind]: deviceId });
    if (kind === "speaker") void speakers.choose(deviceId);
    else void devices.change(kind);
  };
  return (
    <div class="field">
      <label for={id}>{t(`device.${kind}`)}</label>
      <div class="select">
        <Icon name={ICONS[kind]} />
        <select id={id} value={value} disabled={list.length === 0} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          {(value === "" || list.length === 0) && <option value="">{t(list.length === 0 ? "device.none" : "device.default")}</option>}
          {list.map(({ deviceId, label }, index) => (
            <option value={deviceId} key={deviceId}>
              {label || t("device.unnamed", { kind: t(`device.${kind}`), number: index + 1 })}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

/** How loud the microphone is now. */
export function Level() {
  const { devices } = useApp();
  useChanges(devices);
  const bar = useRef<HTMLDivElement>(null);
  const track = devices.tracks.microphone;
  const on = devices.isOn("microphone");
  useEffect(() => {
    const show = (level: number) => bar.current?.style.setProperty("--level", level.toFixed(3));
    show(0);
    return track && on ? watchLevel(track, show) : undefined;
  }, [track, on]);
  return <div class="level" ref={bar} role="img" aria-label={t("level")} />;
}
