/** What opens over everything: the settings, and the list of shortcuts. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { checkLink } from "../state/link.ts";
import { type Received, type Theme, TILE_CHOICES } from "../state/preferences.ts";
import { SHORTCUTS } from "../state/shortcuts.ts";
import { type Language, t, type Word } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { EXTRAS } from "./extras.ts";
import { Icon } from "./icon.tsx";
import { Level, Picker } from "./pickers.tsx";

export function Dialogs() {
  const { screen } = useApp();
  useChanges(screen);
  if (screen.dialog === "settings") return <Settings />;
  if (screen.dialog === "shortcuts") return <Shortcuts />;
  return null;
}

/** The browser's own: it keeps the focus inside, closes with Escape, and gives the focus back. */
function Sheet({ title, children }: { title: string; children: ComponentChildren }) {
  const { screen } = useApp();
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => before?.focus();
  }, []);
  // By itself: as long as it is open, nothing outside of it takes the focus that it gives back.
  const close = () => element.current?.close();
  return (
    <dialog ref={element} aria-labelledby={id} onClose={() => screen.open(null)} onClick={(event) => event.target === element.current && close()}>
      <div class="sheet">
        <div class="panel-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet square" aria-label={t("close")} title={t("close")} onClick={close}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

const RECEIVED: Received[] = ["auto", "medium", "low", "sound"];
const THEMES: Theme[] = ["system", "light", "dark"];

function Settings() {
  const { preferences } = useApp();
  useChanges(preferences);
  const { received, tiles, theme, language, mirrored, shortcuts } = preferences.all;
  return (
    <Sheet title={t("settings")}>
      <div class="settings">
        <Picker kind="microphone" />
        <Level />
        <Picker kind="camera" />
        <Picker kind="speaker" />
        {EXTRAS.settings.map((Extra, index) => <Extra key={index} />)}
        <hr />
        <Choice label="settings.received" value={received} of={RECEIVED.map((one) => [one, t(`received.${one}`)])} choose={(received) => preferences.set({ received: received as Received })} />
        <Choice label="settings.tiles" value={String(tiles)} of={TILE_CHOICES.map((one) => [String(one), String(one)])} choose={(tiles) => preferences.set({ tiles: Number(tiles) })} />
        <Choice label="settings.theme" value={theme} of={THEMES.map((one) => [one, t(`theme.${one}`)])} choose={(theme) => preferences.set({ theme: theme as Theme })} />
        <Choice
          label="settings.language"
          value={language}
          of={[["", t("language.system")], ["en", "English"], ["de", "Deutsch"]]}
          choose={(language) => preferences.set({ language: language as Language | "" })}
        />
        <Check label={t("settings.mirrored")} checked={mirrored} set={(mirrored) => preferences.set({ mirrored })} />
        <Check label={t("settings.shortcuts")} hint={t("settings.shortcuts-hint")} checked={shortcuts} set={(shortcuts) => preferences.set({ shortcuts })} />
        <hr />
        <a class="to-check" href={checkLink(location.search)} target="_blank" rel="noopener">{t("settings.check")}</a>
      </div>
    </Sheet>
  );
}

function Choice({ label, value, of, choose }: { label: Word; value: string; of: string[][]; choose: (value: string) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{t(label)}</label>
      <div class="select">
        <select id={id} value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
          {of.map(([one, text]) => (
            <option value={one} key={one}>
              {text}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function Check({ label, hint, checked, set }: { label: string; hint?: string; checked: boolean; set: (checked: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={({ currentTarget }) => set(currentTarget.checked)} />
      <span>
        {label}
        {hint && <span class="dim">{hint}</span>}
      </span>
    </label>
  );
}

function Shortcuts() {
  const { preferences } = useApp();
  return (
    <Sheet title={t("shortcuts")}>
      {!preferences.all.shortcuts && <p class="empty">{t("shortcut.off")}</p>}
      <dl class="keys-list">
        {SHORTCUTS.map(({ key, word }) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(word)}</dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}
