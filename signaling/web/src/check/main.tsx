/** `/check`: whether calls would work from here. `?token=…`, for any room, where the server asks for one. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { tryWays } from "volley-client";
import { Preferences } from "../state/preferences.ts";
import { appearance } from "../theme.ts";
import { Icon, type IconName } from "../view/icon.tsx";
import { Checkup, type Grade, STEPS, type Step } from "./checkup.ts";
import { listen, look } from "./instruments.ts";
import { roomOfToken } from "./token.ts";
import { say } from "./words.ts";

const GRADES: Partial<Record<Grade, IconName>> = { well: "check", flawed: "warning", bad: "close" };
const PICTURES: Record<Step, IconName> = { microphone: "mic", camera: "camera", websocket: "link", udp: "share", tcp: "share", relay: "share" };

const token = new URLSearchParams(location.search).get("token") ?? undefined;
const roomId = roomOfToken(token);
appearance(new Preferences());
document.title = `Volley: ${say("title")}`;
const checkup = new Checkup({
  listen,
  look,
  host: location.host,
  tryWays: (tell) => tryWays({ token, ...(roomId !== null && { roomId }) }, tell),
});

function Page() {
  const [, redraw] = useState(0);
  useEffect(() => checkup.onChange(() => redraw((count) => count + 1)), []);
  const { verdict, isRunning } = checkup;
  return (
    <main id="check" data-verdict={verdict}>
      <header class="brand">
        <Icon name="volley" />
        <span>Volley</span>
      </header>
      <h1>{say("title")}</h1>
      <p class="lead">{say("lead")}</p>
      <p class={`verdict ${verdict}`} role="status">
        {(isRunning || verdict !== "testing") && say(`verdict.${isRunning ? "testing" : verdict}`)}
      </p>
      <ol class="steps">
        {STEPS.map((step) => (
          <Line key={step} step={step} />
        ))}
      </ol>
      <Actions />
    </main>
  );
}

function Line({ step }: { step: Step }) {
  const { grade, text } = checkup.results[step];
  return (
    <li data-step={step} data-grade={grade}>
      <Icon name={PICTURES[step]} />
      <div>
        <h2>{say(step)}</h2>
        {text && <p>{text}</p>}
      </div>
      <span class="grade">
        {GRADES[grade] && <Icon name={GRADES[grade]} />}
        {say(grade)}
      </span>
    </li>
  );
}

function Actions() {
  const [copied, setCopied] = useState(false);
  const { isRunning, verdict } = checkup;
  const isDone = !isRunning && verdict !== "testing";
  const copy = () => void navigator.clipboard?.writeText(checkup.report).then(() => setCopied(true), () => {});
  return (
    <div class="actions">
      <button type="button" id="start" class="primary" disabled={isRunning} onClick={() => void checkup.run()}>
        {say(isDone ? "again" : "start")}
      </button>
      {isDone && (
        <button type="button" class="quiet" onClick={copy}>
          {say(copied ? "copied" : "copy")}
        </button>
      )}
      {isDone && <a href="/">{say("to-call")}</a>}
    </div>
  );
}

const page = document.querySelector("#page");
if (page) render(<Page />, page);
