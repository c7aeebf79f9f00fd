/** The files of a recording: who, what, for how long; one of them plays. */
import { useRef, useState } from "preact/hooks";
import type { Recording, RecordingFile } from "volley-client";
import { useApp, useChanges } from "../view/app.ts";
import { Icon } from "../view/icon.tsx";
import { spoken, t } from "../words.ts";
import { lengthOf, sizeOf } from "./format.ts";

export function Files({ recording }: { recording: Recording }) {
  const names = new Map(recording.participants.map(({ participantId, participantName }) => [participantId, participantName]));
  const isSealed = recording.room.e2ee === true;
  return (
    <>
      {isSealed && <p class="dim">{t("record.sealed")}</p>}
      <ul class="recording-files">
        {recording.files.map((file) => (
          <File key={file.name} recordingId={recording.recordingId} file={file} isSealed={isSealed} name={names.get(file.participantId) ?? file.participantId} />
        ))}
      </ul>
    </>
  );
}

interface FileProps {
  recordingId: string;
  file: RecordingFile;
  /** Nothing here can play it. */
  isSealed: boolean;
  name: string;
}

function File({ recordingId, file, isSealed, name }: FileProps) {
  const { tape } = useApp();
  useChanges(tape);
  const whole = file.shows === "screen" ? t("screen-of", { name }) : name;
  const what = file.number ? `${whole} (${file.number})` : whole;
  const one = { recordingId, file: file.name };
  const address = tape.addressOf(one);
  const [missing, setMissing] = useState("");
  const link = useRef<HTMLAnchorElement>(null);
  const isThere = useRef(false);
  const isOpen = tape.playing?.recordingId === recordingId && tape.playing.file === file.name;
  // A file may be elsewhere, and the download would be the server's word on that.
  const save = (event: Event) => {
    if (isThere.current) return;
    event.preventDefault();
    void tape.whyMissing(one).then((why) => {
      setMissing(why);
      isThere.current = why === "";
      if (isThere.current) link.current?.click();
    });
  };
  return (
    <li>
      <div class="recording-file">
        <button type="button" class="quiet play" disabled={isSealed} aria-expanded={isOpen} aria-label={t("record.play", { what })} title={t("record.play", { what })} onClick={() => tape.play(isOpen ? null : one)}>
          <Icon name={isSealed ? "lock" : isOpen ? "close" : "play"} />
          <span class="what">{what}</span>
        </button>
        <span class="dim">{`${lengthOf(file.durationMs)} · ${sizeOf(file.bytes, spoken())}`}</span>
        <a ref={link} href={address} download={file.name} aria-label={t("record.download", { what })} title={t("record.download", { what })} onClick={save}>
          <Icon name="save" />
        </a>
      </div>
      {missing !== "" && !isOpen && <p class="problem" role="alert">{missing}</p>}
      {isOpen && <Player address={address} what={what} whyMissing={() => tape.whyMissing(one)} />}
    </li>
  );
}

/** The browser's own, which fetches what it needs in parts, and does not tell a file it cannot read from none. */
function Player({ address, what, whyMissing }: { address: string; what: string; whyMissing: () => Promise<string> }) {
  const [problem, setProblem] = useState("");
  if (problem !== "") return <p class="problem" role="alert">{problem}</p>;
  const fail = () => void whyMissing().then((why) => setProblem(why || t("record.unplayable")));
  return <video class="player" src={address} controls autoplay playsInline preload="metadata" aria-label={what} onError={fail} />;
}
