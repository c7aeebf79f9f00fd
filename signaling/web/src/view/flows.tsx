/** What arrives and what is sent, track by track: a row of figures, and below it the bit rate over time. */
import { figure, largest, pathOf, type Point, roundedUp } from "../inside/plot.ts";
import type { Flow, Reading } from "../inside/readings.ts";
import { layerOf, ratesOf } from "../inside/series.ts";
import { SPAN_MS } from "../inside/watch.ts";
import { t } from "../words.ts";
import { useApp } from "./app.ts";

const [WIDTH, HEIGHT] = [300, 28];
/** Kbit/s at the upper edge, at least: a voice is no mountain range. */
const LEAST = 50;

interface FlowsProps {
  title: string;
  side: "received" | "sent";
  readings: readonly Reading[];
  last: Reading;
}

export function Flows({ title, side, readings, last }: FlowsProps) {
  const active = last[side].filter(({ bitrate, kind, height }) => bitrate > 0 || (kind === "video" && height !== null));
  if (active.length === 0) return null;
  const rates = ratesOf(readings.filter(({ at }) => last.at - at < SPAN_MS), side);
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">{t("inside.track")}</th>
          <th scope="col">{t("inside.layer")}</th>
          <th scope="col">kbit/s</th>
          <th scope="col">{t("inside.loss")}</th>
        </tr>
      </thead>
      {active.map((flow) => (
        <FlowRows flow={flow} rates={rates.get(flow.key) ?? []} until={last.at} key={flow.key} />
      ))}
    </table>
  );
}

function FlowRows({ flow, rates, until }: { flow: Flow; rates: readonly Point[]; until: number }) {
  const { room } = useApp();
  const { mid, kind, codec, bitrate, lossPercent } = flow;
  const seat = room.seats.find(({ id }) => id === mid);
  const owner = seat?.participantId ? room.participants.get(seat.participantId)?.name : undefined;
  const track = [owner, codec ?? t(kind === "audio" ? "device.microphone" : "device.camera")].filter(Boolean).join(" · ");
  const most = roundedUp(largest(rates) / 1000, LEAST);
  const now = Math.round(bitrate / 1000);
  const frame = { width: WIDTH, height: HEIGHT, until, spanMs: SPAN_MS, most: most * 1000 };
  return (
    <tbody>
      <tr>
        <th scope="row">{track}</th>
        <td>{layerOf(flow) || "–"}</td>
        <td>{now}</td>
        <td>{lossPercent === null ? "–" : `${figure(lossPercent)} %`}</td>
      </tr>
      <tr class="over-time">
        <td colSpan={4} class="plot">
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={t("inside.over-time", { track, now, most: Math.round(largest(rates) / 1000) })}>
            <path class="line line-0" d={pathOf(rates, frame)} />
          </svg>
          <span class="most" aria-hidden="true">{most}</span>
        </td>
      </tr>
    </tbody>
  );
}
