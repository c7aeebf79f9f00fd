/** The call: the stage, and everything within a thumb's reach around it. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { linkOf } from "../state/link.ts";
import type { Panel } from "../state/screen.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { Bar } from "./bar.tsx";
import { RecordingsPanel } from "../recording/panel.tsx";
import { CopyButton } from "./buttons.tsx";
import { ChatPanel } from "./chat.tsx";
import { EXTRAS } from "./extras.ts";
import { Icon } from "./icon.tsx";
import { InsidePanel } from "./inside.tsx";
import { Pages } from "./pages.tsx";
import { PeoplePanel } from "./people.tsx";
import { StageView } from "./stage.tsx";
import { Tools } from "./tools.tsx";

const PANELS = { chat: ChatPanel, people: PeoplePanel, inside: InsidePanel, recordings: RecordingsPanel };

export function CallView({ most }: { most: number | null }) {
  const { screen } = useApp();
  useChanges(screen);
  return (
    <main id="call" class={screen.panel ? "with-panel" : ""}>
      <Header />
      <StageView most={most} />
      <Bar />
      <Tools />
      {screen.panel && <PanelHome key={screen.panel} name={screen.panel} />}
    </main>
  );
}

/** Has the focus once it is open, and gives it back to what opened it. */
function PanelHome({ name }: { name: Panel }) {
  const element = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const home = element.current;
    let before = document.activeElement;
    // A menu that it was chosen from has the focus back only then.
    const timer = setTimeout(() => {
      if (home?.contains(document.activeElement)) return;
      before = document.activeElement;
      home?.focus();
    });
    return () => {
      clearTimeout(timer);
      if (home?.contains(document.activeElement)) giveBack(before);
    };
  }, []);
  const Inside = PANELS[name];
  return (
    <aside class="panel" tabIndex={-1} ref={element} aria-label={t(name)}>
      <Inside />
    </aside>
  );
}

function giveBack(before: Element | null): void {
  const isSeen = before instanceof HTMLElement && before !== document.body && before.getClientRects().length > 0;
  (isSeen ? before : document.querySelector<HTMLElement>("#call h1"))?.focus();
}

function Header() {
  const { room, call } = useApp();
  useChanges(call);
  const title = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => title.current?.focus(), []);
  return (
    <header>
      <h1 tabIndex={-1} ref={title}>
        <Icon name="volley" />
        <span class="visually-hidden">{t("room")}</span> <span id="room-name">{room.roomId}</span>
      </h1>
      <CopyButton link={linkOf(room.roomId ?? "")} />
      {EXTRAS.header.map((Extra, index) => <Extra key={index} />)}
      <Pages class="narrow-only" />
    </header>
  );
}

/** What stands at the head of every panel. */
export function PanelHead({ title, count }: { title: string; count?: number }) {
  const { screen } = useApp();
  return (
    <div class="panel-head">
      <h2>
        {title}
        {count !== undefined && <span class="dim"> {count}</span>}
      </h2>
      <button type="button" class="quiet square" aria-label={t("close")} title={t("close")} onClick={() => screen.closePanel()}>
        <Icon name="close" />
      </button>
    </div>
  );
}
