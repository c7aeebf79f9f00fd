/** The whole page: lobby or call, what is wrong, and what opens over it. */
import { t } from "../words.ts";
import { type App, Provided, useApp, useChanges } from "./app.ts";
import { CallView } from "./call.tsx";
import { Dialogs } from "./dialogs.tsx";
import { Icon } from "./icon.tsx";
import { Lobby } from "./lobby.tsx";

export interface PageProps {
  app: App;
  /** As the address has it. */
  name: string;
  /** Most tiles at once, whatever the person likes. */
  most: number | null;
}

export function Page({ app, ...rest }: PageProps) {
  return (
    <Provided value={app}>
      <Screens {...rest} />
    </Provided>
  );
}

function Screens({ name, most }: Omit<PageProps, "app">) {
  const { call, preferences } = useApp();
  useChanges(call, preferences);
  return (
    <>
      <NoticeList />
      {call.phase === "call" ? <CallView most={most} /> : <Lobby name={name} />}
      <Dialogs />
      <Voice />
    </>
  );
}

function NoticeList() {
  const { notices, call } = useApp();
  useChanges(notices);
  return (
    <div id="notices" role="alert">
      {notices.lines.map(({ subject, text, urgent, action, other }) => (
        <div class={urgent ? "notice urgent" : "notice"} key={subject}>
          <span>{text}</span>
          {[action, other].map((choice) => choice && (
            <button
              type="button"
              key={choice.does}
              onClick={() => {
                notices.hide(subject);
                call.act(choice.does);
              }}
            >
              {choice.label}
            </button>
          ))}
          <button type="button" class="dismiss" aria-label={t("dismiss")} title={t("dismiss")} onClick={() => notices.dismiss(subject)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

/** What a screen reader says: two places in turn, so that the same sentence is said again. */
function Voice() {
  const { notices } = useApp();
  useChanges(notices);
  const { text, turn } = notices.voice;
  return (
    <div id="voice" class="visually-hidden" aria-live="polite">
      <span>{turn % 2 === 0 ? text : ""}</span>
      <span>{turn % 2 === 1 ? text : ""}</span>
    </div>
  );
}
