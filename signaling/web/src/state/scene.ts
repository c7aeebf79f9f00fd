/** Which tiles are on the stage, and how: pure functions over what `roster.ts` found. */
import { type Area, arrange, capacity, type Rect } from "./layout.ts";
import type { View } from "./preferences.ts";
import type { TileModel } from "./roster.ts";

export interface Wish {
  /** Screens first, then this person and the others, in the order in which they stand. */
  tiles: readonly TileModel[];
  view: View;
  /** Whose tile is large, whatever happens. */
  pinned: string | null;
  /** Who is large in the speaker view. */
  speaker: string | null;
  /** From 0; one that is too far is the last. */
  page: number;
  /** Most tiles at once. */
  most: number;
  area: Area;
  /** A card that invites others has the last place. */
  invites: boolean;
}

export interface Placed {
  tile: TileModel;
  rect: Rect;
  large: boolean;
}

export interface Scene {
  placed: Placed[];
  invitation: Rect | null;
  page: number;
  pages: number;
}

export function sceneOf(wish: Wish): Scene {
  const large = largeOf(wish);
  const rest = wish.tiles.filter((tile) => !large.includes(tile));
  const places = Math.max(1, capacity(wish.area, Math.max(1, wish.most - large.length), large.length));
  const pages = Math.max(1, Math.ceil(rest.length / places));
  const page = Math.min(Math.max(0, wish.page), pages - 1);
  const shown = rest.slice(page * places, (page + 1) * places);
  const card = wish.invites ? 1 : 0;
  const rects = arrange(wish.area, shown.length + card, large.length);
  const placed = [...large, ...shown].flatMap((tile, index) => {
    const rect = rects[index];
    return rect ? [{ tile, rect, large: index < large.length }] : [];
  });
  return { placed, invitation: (wish.invites && rects.at(-1)) || null, page, pages };
}

/**
 * A pinned tile stands alone; else every screen that somebody else shares, for one's own is on the desk
 * already; else, in that view, who speaks.
 */
function largeOf({ tiles, view, pinned, speaker }: Wish): TileModel[] {
  const chosen = tiles.find(({ key }) => key === pinned);
  if (chosen) return [chosen];
  const screens = tiles.filter(({ screen, self }) => screen && !self);
  if (screens.length > 0) return screens;
  if (view === "grid") return [];
  const others = tiles.filter(({ self }) => !self);
  const seen = others.find(({ key }) => key === speaker) ?? others[0] ?? tiles[0];
  return seen && tiles.length > 1 ? [seen] : [];
}

/**
 * The order in which people stand. Everybody keeps their place and newcomers come last; whoever speaks from
 * beyond the first page changes places with the last on it who is silent.
 */
export function inOrder(before: readonly string[], here: readonly string[], speakers: readonly string[], places: number): string[] {
  const known = new Set(before);
  const present = new Set(here);
  const order = [...before.filter((id) => present.has(id)), ...here.filter((id) => !known.has(id))];
  for (const id of speakers) {
    const at = order.indexOf(id);
    if (at < places) continue;
    const silent = order.slice(0, places).findLastIndex((other) => !speakers.includes(other));
    const other = order[silent];
    if (other === undefined) break;
    order[silent] = id;
    order[at] = other;
  }
  return order;
}
