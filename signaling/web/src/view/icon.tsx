/** The page's pictograms, all in one file that is fetched once. */

export const ICONS = [
  "volley", "mic", "mic-off", "camera", "camera-off", "speaker", "share", "share-off", "hand", "chat", "people", "more", "leave", "link",
  "again", "check", "close", "grid", "spotlight", "expand", "shrink", "pip", "chart", "pin", "pin-off", "settings", "keyboard",
  "previous", "next", "up", "send", "remove", "save", "shield", "lock", "background", "sound", "warning",
  "record", "play", "delete",
] as const;

export type IconName = (typeof ICONS)[number];

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" aria-hidden="true">
      <use href={`/icons.svg#${name}`} />
    </svg>
  );
}
