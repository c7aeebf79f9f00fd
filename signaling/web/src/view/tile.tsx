/** One tile: a picture or initials, a name, and marks. */
import { useState } from "preact/hooks";
import type { Mark } from "../inside/marks.ts";
import type { Picture } from "../media/frames.ts";
import type { Rect } from "../state/layout.ts";
import { hueOf, initialsOf } from "../state/names.ts";
import type { TileModel } from "../state/roster.ts";
import { t, type Word } from "../words.ts";
import { EXTRAS } from "./extras.ts";
import { Icon } from "./icon.tsx";
import { Video } from "./video.tsx";

/** In tiles with a side shorter than this, in CSS pixels, large letters would lie over chins. */
const SMALL = 150;

export interface TileProps {
  tile: TileModel;
  rect: Rect;
  track: MediaStreamTrack | null;
  large: boolean;
  pinned: boolean;
  speaking: boolean;
  mirrored: boolean;
  mark: Mark;
  onPin: () => void;
}

export function Tile({ tile, rect, track, large, pinned, speaking, mirrored, mark, onPin }: TileProps) {
  const [picture, setPicture] = useState<Picture>("none");
  const first = () => {
    const { participantId, screen } = tile;
    if (!tile.self) performance.mark("volley-first-frame", { detail: { participantId, screen } });
  };
  const { x, y, width, height } = rect;
  const isLive = picture === "live" && track !== null;
  const isStill = picture === "still" && track !== null;
  // Statistics say nothing of what does not come.
  const felt = isStill ? "poor" : mark;
  const states = {
    tile: true,
    self: tile.self,
    screen: tile.screen,
    live: isLive,
    muted: tile.muted,
    away: tile.hidden,
    hand: tile.hand,
    large,
    pinned,
    speaking,
    mirrored: tile.self && !tile.screen && mirrored,
    small: Math.min(width, height) < SMALL,
  };
  const name = nameOf(tile);
  const place = { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px`, "--hue": String(hueOf(tile.name)) };
  return (
    <li class={classesOf(states)} data-participant={tile.participantId} aria-label={describe(tile, pictureWord(tile, track !== null, isLive), felt, pinned)} style={place}>
      <div class="avatar" aria-hidden="true">{initialsOf(tile.name)}</div>
      <Video track={track} expectsMore={!tile.self && !tile.screen} onPicture={setPicture} onFirst={first} />
      {!tile.self && EXTRAS.tile.map((Extra, index) => <Extra key={index} participantId={tile.participantId} />)}
      <Plate tile={tile} mark={felt} />
      {tile.hand && <span class="raised" aria-hidden="true"><Icon name="hand" /></span>}
      {(tile.hidden || isStill) && <span class="lost" aria-hidden="true">{t(tile.hidden ? "tile.lost" : "tile.waiting")}</span>}
      <button type="button" class="pin" aria-label={t(pinned ? "unpin" : "pin", { name })} title={t(pinned ? "unpin" : "pin", { name })} aria-pressed={pinned} onClick={onPin}>
        <Icon name={pinned ? "pin-off" : "pin"} />
      </button>
    </li>
  );
}

function Plate({ tile, mark }: { tile: TileModel; mark: Mark }) {
  return (
    <div class="plate" aria-hidden="true">
      {tile.muted && <span class="mic-mark"><Icon name="mic-off" /></span>}
      {tile.screen && <Icon name="share" />}
      <span class="name">{nameOf(tile)}</span>
      {mark !== "good" && <Bars mark={mark} />}
    </div>
  );
}

export function Bars({ mark }: { mark: Mark }) {
  return (
    <span class={`bars ${mark}`}>
      <i />
      <i />
      <i />
    </span>
  );
}

export function nameOf({ name, self, screen }: TileModel): string {
  if (screen) return self ? t("screen-own") : t("screen-of", { name });
  return self ? t("you", { name }) : name;
}

/** What is to be said in place of a picture; without a camera that is on none is waited for. */
export function pictureWord({ self, seat }: TileModel, hasTrack: boolean, isLive: boolean): Word | null {
  if (isLive) return null;
  if (hasTrack) return "tile.waiting";
  return self || seat === null ? "tile.no-picture" : null;
}

function describe(tile: TileModel, picture: Word | null, mark: Mark, pinned: boolean): string {
  const { name, self, screen, muted, hidden, hand } = tile;
  if (screen) return nameOf(tile);
  const marks = [
    self && t("tile.you"),
    hand && t("tile.hand"),
    muted && t("tile.muted"),
    picture && t(picture),
    hidden && t("tile.lost"),
    mark !== "good" && t(`tile.${mark}`),
    pinned && t("tile.pinned"),
  ];
  return [name, ...marks.filter(Boolean)].join(", ");
}

function classesOf(states: Record<string, boolean>): string {
  return Object.keys(states).filter((name) => states[name]).join(" ");
}
