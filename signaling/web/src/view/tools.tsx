/** The buttons beside the bar: what this person looks at. */
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { Round } from "./buttons.tsx";
import { Pages } from "./pages.tsx";
import { Bars } from "./tile.tsx";

export function Tools() {
  const { room, call, chat, screen, preferences, watch } = useApp();
  useChanges(call, chat, screen, preferences, watch);
  const isSpeaker = preferences.all.view === "speaker";
  const people = room.participants.size + 1;
  return (
    <div class="tools wide-only">
      {watch.own !== "good" && (
        <span class="own-mark" role="status" title={t(`tile.${watch.own}`)}>
          <Bars mark={watch.own} />
          <span class="visually-hidden">{t(`tile.${watch.own}`)}</span>
        </span>
      )}
      <Pages />
      <Round icon={isSpeaker ? "grid" : "spotlight"} label={t(isSpeaker ? "view.grid" : "view.speaker")} onClick={() => preferences.set({ view: isSpeaker ? "grid" : "speaker" })} class="flat" />
      <button type="button" class="round flat people" aria-label={`${t("people")}, ${t("people.count", { count: people })}`} title={t("people")} aria-expanded={screen.panel === "people"} onClick={() => screen.toggle("people")}>
        <svg class="icon" aria-hidden="true"><use href="/icons.svg#people" /></svg>
        <span id="count" aria-hidden="true">{people}</span>
      </button>
      <Round
        icon="chat"
        label={chat.unread > 0 ? `${t("chat")}, ${t("chat.unread", { count: chat.unread })}` : t("chat")}
        title={t("chat")}
        expanded={screen.panel === "chat"}
        count={chat.unread}
        class="flat"
        onClick={() => screen.toggle("chat")}
      />
    </div>
  );
}
