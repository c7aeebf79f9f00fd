/** Begin and end a recording, and the list of those of this room, with a player. */
import { useEffect } from "preact/hooks";
import type { Recording } from "volley-client";
import { useApp, useChanges } from "../view/app.ts";
import { PanelHead } from "../view/call.tsx";
import { Icon } from "../view/icon.tsx";
import { Sure, useQuestion } from "../view/sure.tsx";
import { spoken, t } from "../words.ts";
import { Files } from "./files.tsx";
import { flawsOf } from "./flaws.ts";
import { lengthOf, momentOf, sizeOf } from "./format.ts";

export function RecordingsPanel() {
  const { tape } = useApp();
  useChanges(tape);
  useEffect(() => tape.look(), [tape]);
  return (
    <>
      <PanelHead title={t("recordings")} />
      <div class="scrolls recordings" tabIndex={0} role="group" aria-label={t("recordings")}>
        {tape.whyNot === null ? <Control /> : <p class="dim">{tape.whyNot}</p>}
        {tape.problem !== "" && <p class="problem" role="alert">{tape.problem}</p>}
        {tape.hasList && <List />}
      </div>
    </>
  );
}

/** Whoever begins one is told first what that means for the others. */
function Control() {
  const { tape } = useApp();
  const { isAsking, opener, ask, no, close } = useQuestion();
  if (tape.isRunning) {
    return (
      <div class="record-control">
        <p>{t("record.running")}</p>
        <button type="button" class="danger" id="record-stop" disabled={tape.isBusy} onClick={() => void tape.stop()}>{t("record.stop")}</button>
      </div>
    );
  }
  if (!isAsking) {
    return (
      <div class="record-control">
        <button type="button" id="record" ref={opener} onClick={ask}>
          <Icon name="record" />
          <span>{t("record.start")}</span>
        </button>
      </div>
    );
  }
  const start = () => void tape.start().then(close);
  return <Sure label={t("record.start")} text={t("record.sure")} does={t("record.start")} kind="primary" id="record-start" disabled={tape.isBusy} onNo={no} onYes={start} />;
}

function List() {
  const { tape } = useApp();
  if (tape.all === null) return null;
  if (tape.all.length === 0) return <p class="dim">{t("record.none")}</p>;
  return (
    <ul class="recording-list">
      {tape.all.map((recording) => (
        <Row key={recording.recordingId} recording={recording} />
      ))}
    </ul>
  );
}

function Row({ recording }: { recording: Recording }) {
  const { tape } = useApp();
  const { isAsking, opener, ask, no } = useQuestion();
  const { recordingId, startedAt, endedAt, state, participants, files } = recording;
  const when = momentOf(startedAt, spoken());
  const names = participants.map(({ participantName }) => participantName);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return (
    <li>
      <div class="recording-head">
        <h3>{when}</h3>
        {state !== "recording" && (
          <button type="button" ref={opener} class="quiet square" aria-label={t("record.delete", { when })} title={t("record.delete", { when })} onClick={ask}>
            <Icon name="delete" />
          </button>
        )}
      </div>
      <p class="dim">
        {state !== "recording" && endedAt !== null ? `${lengthOf(endedAt - startedAt)} · ${sizeOf(bytes, spoken())}` : t(tape.isRunning ? "record.goes-on" : "record.closing")}
        {names.length > 0 && ` · ${[...new Set(names)].join(", ")}`}
      </p>
      <Flaws recording={recording} />
      {isAsking && (
        <Sure label={t("record.delete", { when })} text={t("record.delete-sure")} does={t("record.delete-do")} onNo={no} onYes={() => void tape.remove(recordingId)} />
      )}
      {state !== "recording" && <Files recording={recording} />}
    </li>
  );
}

function Flaws({ recording }: { recording: Recording }) {
  const flaws = flawsOf(recording);
  if (flaws.length === 0) return null;
  return (
    <p class="flaws">
      <Icon name="warning" />
      <span>{flaws.join(" ")}</span>
    </p>
  );
}
