/** The tiles, placed. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Area, Rect } from "../state/layout.ts";
import { linkOf } from "../state/link.ts";
import type { TileModel } from "../state/roster.ts";
import { sceneOf } from "../state/scene.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { CopyButton } from "./buttons.tsx";
import { Tile } from "./tile.tsx";

export function StageView({ most }: { most: number | null }) {
  const app = useApp();
  const { stage, preferences, devices, watch, room } = app;
  useChanges(stage, preferences, watch, devices);
  const home = useRef<HTMLUListElement>(null);
  const area = useArea(home);
  const { tiles } = stage;
  const { view, tiles: liked, mirrored } = preferences.all;
  const scene = sceneOf({
    tiles,
    view,
    pinned: stage.pinned,
    speaker: stage.speaker,
    page: stage.page,
    most: most ?? liked,
    area,
    invites: room.participants.size === 0,
  });
  useLayoutEffect(() => {
    if (area.width > 0) stage.shows(scene);
  });
  // A tile that is moved among the others, as whoever is pinned or speaks is, would lose the focus.
  const before = home.current?.contains(document.activeElement) ? document.activeElement : null;
  useLayoutEffect(() => {
    if (before instanceof HTMLElement && before !== document.activeElement) before.focus({ preventScroll: true });
  });
  const ownTrack = (isScreen: boolean) => (isScreen ? (devices.screen?.getVideoTracks()[0] ?? null) : devices.tracks.camera);
  const trackOf = (tile: TileModel) => (tile.self ? ownTrack(tile.screen) : stage.pictureOf(tile));
  return (
    <div class="stage-home">
      <ul id="stage" ref={home} aria-label={t("people-in-room")}>
        {scene.placed.map(({ tile, rect, large }) => (
          <Tile
            key={tile.key}
            tile={tile}
            rect={rect}
            track={trackOf(tile)}
            large={large}
            pinned={stage.pinned === tile.key}
            speaking={!tile.screen && stage.speaking.has(tile.participantId)}
            mirrored={mirrored && !devices.looksAway}
            mark={tile.self ? (tile.screen ? "good" : watch.own) : (watch.marks.get(tile.participantId) ?? "good")}
            onPin={() => stage.pin(tile.key)}
          />
        ))}
        {scene.invitation && <Invitation rect={scene.invitation} />}
      </ul>
    </div>
  );
}

function Invitation({ rect: { x, y, width, height } }: { rect: Rect }) {
  const { room } = useApp();
  const link = linkOf(room.roomId ?? "");
  return (
    <li id="invitation" style={{ transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` }}>
      <p class="first">{t("first")}</p>
      <p>{t("first-hint")}</p>
      <p class="address">{link.replace(/^https?:\/\//, "")}</p>
      <CopyButton link={link} class="primary" />
    </li>
  );
}

/** How large the stage is now. */
function useArea(home: { current: HTMLElement | null }): Area {
  const [area, setArea] = useState<Area>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = home.current;
    if (!element) return;
    const measure = () => setArea({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return area;
}
