/** The room's front door: who, where, and a look in the mirror. */
import { useEffect, useRef, useState } from "preact/hooks";
import { linkOf } from "../state/link.ts";
import { proposeRoom, readRoom } from "../state/rooms.ts";
import { t, type Word } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { CopyButton, InputToggle } from "./buttons.tsx";
import { EXTRAS } from "./extras.ts";
import { Icon } from "./icon.tsx";
import { Level, Picker } from "./pickers.tsx";
import { Video } from "./video.tsx";

export function Lobby({ name: given }: { name: string }) {
  const { call, devices, preferences, screen } = useApp();
  useChanges(call, devices, preferences);
  const [name, setName] = useState(given || preferences.all.name);
  const [room, setRoom] = useState(() => readRoom(location.pathname) || proposeRoom());
  const [mistake, setMistake] = useState("");
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // On a phone a field that has the focus brings up the keyboard, over all there is to see.
    if (name || !matchMedia("(pointer: coarse)").matches) form.current?.querySelector<HTMLElement>(name ? "[type=submit]" : "#name")?.focus();
  }, []);

  const isJoining = call.phase === "joining";
  const submit = (event: Event) => {
    event.preventDefault();
    const roomId = readRoom(room);
    const who = name.trim();
    setMistake(!who ? t("lobby.no-name") : !roomId ? t("lobby.bad-room") : "");
    if (!who || !roomId) return form.current?.querySelector<HTMLElement>(who ? "#room" : "#name")?.focus();
    setRoom(roomId);
    call.join({ name: who, roomId });
  };

  return (
    <main id="lobby">
      <header class="brand">
        <Icon name="volley" />
        <span>Volley</span>
        <button type="button" class="quiet square" aria-label={t("settings")} title={t("settings")} onClick={() => screen.open("settings")}>
          <Icon name="settings" />
        </button>
      </header>
      <div class="lobby-grid">
        <Mirror />
        <form ref={form} autocomplete="on" onSubmit={submit}>
          <h1>{t("lobby.title")}</h1>
          <p class="lead">{t("tagline")}</p>
          <label for="name">{t("lobby.name")}</label>
          <input id="name" name="name" type="text" maxLength={64} required autocomplete="nickname" placeholder={t("lobby.name-hint")} value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
          <label for="room">{t("lobby.room")}</label>
          <div class="with-button">
            <input id="room" name="room" type="text" maxLength={200} required autocapitalize="none" autocomplete="off" spellcheck={false} value={room} onInput={({ currentTarget }) => setRoom(currentTarget.value)} />
            <button type="button" class="quiet" id="propose" aria-label={t("lobby.propose")} title={t("lobby.propose")} onClick={() => setRoom(proposeRoom())}>
              <Icon name="again" />
            </button>
          </div>
          {EXTRAS.room.map((Extra, index) => <Extra key={index} />)}
          <div class="actions">
            <button type="submit" class="primary" disabled={isJoining}>
              {t(isJoining ? "lobby.joining" : "lobby.join")}
            </button>
            <CopyButton link={linkOf(readRoom(room))} />
          </div>
          <p class="refusal" role="alert">{mistake || call.refusal}</p>
        </form>
      </div>
    </main>
  );
}

/** Why there is nothing to see in the mirror, where the person has not switched it off. */
const NO_PICTURE: Record<string, Word> = {
  NotAllowedError: "lobby.camera-blocked",
  NotFoundError: "lobby.camera-missing",
  Unplugged: "lobby.camera-missing",
  NotReadableError: "lobby.camera-busy",
  FilterFailed: "lobby.camera-withheld",
};

function Mirror() {
  const { devices, preferences } = useApp();
  const picture = devices.tracks.camera;
  const isStarting = devices.isOpening && devices.wanted.camera;
  const hint = isStarting ? "lobby.camera-starting" : (NO_PICTURE[devices.whyMissing("camera") ?? ""] ?? "lobby.camera-off");
  return (
    <section class="mirror" aria-label={t("lobby.preview")}>
      <div class={`preview ${preferences.all.mirrored && !devices.looksAway ? "mirrored" : ""}`}>
        <Video track={picture} />
        {!picture && (
          <div class="hint" role="status">
            <Icon name="camera-off" />
            <span>{t(hint)}</span>
          </div>
        )}
        <div class="toggles">
          <InputToggle input="microphone" />
          <InputToggle input="camera" />
        </div>
      </div>
      <div class="pickers">
        <div>
          <Picker kind="microphone" />
          <Level />
        </div>
        <Picker kind="camera" />
        <Picker kind="speaker" />
        {EXTRAS.settings.map((Extra, index) => <Extra key={index} />)}
      </div>
    </section>
  );
}
