/** A look inside the call: how it goes over time, track by track, and a report to take away. */
import { useEffect } from "preact/hooks";
import { figure, largest, pathOf, type Point, roundedUp } from "../inside/plot.ts";
import type { Reading } from "../inside/readings.ts";
import { reportOf, save } from "../inside/report.ts";
import { frozenPerMinute } from "../inside/series.ts";
import { SPAN_MS } from "../inside/watch.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { PanelHead } from "./call.tsx";
import { EXTRAS } from "./extras.ts";
import { Flows } from "./flows.tsx";
import { Icon } from "./icon.tsx";

const [WIDTH, HEIGHT] = [300, 64];

export function InsidePanel() {
  const { watch, room } = useApp();
  useChanges(watch);
  useEffect(() => {
    watch.closely(true);
    return () => watch.closely(false);
  }, []);
  const { last, readings } = watch;
  return (
    <>
      <PanelHead title={t("inside")} />
      <div class="scrolls inside" tabIndex={0} role="group" aria-label={t("inside")}>
        {last ? (
          <>
            <Plots readings={readings} last={last} />
            <p class="way">
              {t("inside.way")}: {room.direct.length > 0 ? t("inside.direct") : t("inside.server")}
              {last.way && `, ${last.way}`}
            </p>
            <Flows title={t("inside.tracks-in")} side="received" readings={readings} last={last} />
            <Flows title={t("inside.tracks-out")} side="sent" readings={readings} last={last} />
            {EXTRAS.inside.map((Extra, index) => <Extra key={index} />)}
          </>
        ) : (
          <p class="empty">{t("inside.wait")}</p>
        )}
      </div>
      <SaveReport />
    </>
  );
}

function Plots({ readings, last }: { readings: readonly Reading[]; last: Reading }) {
  const line = (value: (reading: Reading) => number | null): Point[] => readings.map((reading) => ({ at: reading.at, value: value(reading) }));
  return (
    <>
      <Plot
        title={t("inside.rate")}
        unit="Mbit/s"
        least={0.5}
        until={last.at}
        lines={[
          { name: t("inside.received"), points: line(({ receivedBitrate }) => receivedBitrate / 1e6) },
          { name: t("inside.sent"), points: line(({ sentBitrate }) => sentBitrate / 1e6) },
          { name: t("inside.estimate"), points: line(({ outgoing }) => (outgoing === null ? null : outgoing / 1e6)) },
        ]}
      />
      <Plot title={t("inside.round-trip")} unit="ms" least={50} until={last.at} lines={[{ name: "", points: line(({ roundTripMs }) => roundTripMs) }]} />
      <Plot title={t("inside.loss")} unit="%" least={2} until={last.at} lines={[{ name: "", points: line(({ lossPercent }) => lossPercent) }]} />
      <Plot title={t("inside.jitter")} unit="ms" least={20} until={last.at} lines={[{ name: "", points: line(({ jitterMs }) => jitterMs) }]} />
      <Plot title={t("inside.freezes")} unit="s/min" least={2} until={last.at} lines={[{ name: "", points: frozenPerMinute(readings) }]} />
    </>
  );
}

interface PlotProps {
  title: string;
  unit: string;
  least: number;
  until: number;
  lines: { name: string; points: Point[] }[];
}

function Plot({ title, unit, least, until, lines }: PlotProps) {
  const most = roundedUp(largest(...lines.map(({ points }) => points.filter(({ at }) => until - at < SPAN_MS))), least);
  const frame = { width: WIDTH, height: HEIGHT, until, spanMs: SPAN_MS, most };
  const now = lines.map(({ name, points }) => `${name} ${figure(points.at(-1)?.value ?? null)}`.trim());
  return (
    <figure class="plot">
      <figcaption>
        <b>
          {title} {unit && <span class="dim">{unit}</span>}
        </b>
        <span class="keys">
          {lines.map(({ name, points }, index) => (
            <span class={`key line-${index}`} key={index}>
              {name && <i aria-hidden="true" />}
              {name} {figure(points.at(-1)?.value ?? null)}
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${title}: ${now.join(", ")} ${unit}`}>
        <path class="rule" d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`} />
        {lines.map(({ points }, index) => (
          <path class={`line line-${index}`} d={pathOf(points, frame)} key={index} />
        ))}
      </svg>
      <span class="most" aria-hidden="true">{most}</span>
    </figure>
  );
}

function SaveReport() {
  const { watch, call, room } = useApp();
  const press = async () => {
    const raw = await watch.raw();
    const now = new Date();
    const { happenings } = call;
    const told = { browser: navigator.userAgent, page: builtAs(), people: room.participants.size + 1, happenings, readings: watch.readings, raw };
    save(`volley-${now.toISOString().slice(0, 19).replaceAll(":", "-")}.json`, reportOf(told, now));
  };
  return (
    <div class="panel-foot">
      <button type="button" id="save-report" onClick={() => void press()}>
        <Icon name="save" />
        {t("inside.save")}
      </button>
      <p class="dim">{t("inside.save-hint")}</p>
    </div>
  );
}

/** The page's script has a name of its own for each content. */
function builtAs(): string {
  return document.querySelector<HTMLScriptElement>("script[type=module]")?.src.split("/").at(-1) ?? "";
}
