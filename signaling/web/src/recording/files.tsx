/** The files of a recording: who, what, for how long; one of them plays. */
import { useState } from "preact/hooks";
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
  const what = file.shows === "screen" ? t("screen-of", { name }) : name;
  const one = { recordingId, file: file.name };
  const address = tape.addressOf(one);
  const isOpen = tape.playing?.recordingId === recordingId && tape.playing.file === file.name;
  return (
    <li>
      <div class="recording-file">
        <button type="button" class="quiet play" disabled={isSealed} aria-expanded={isOpen} aria-label={t("record.play", { what })} title={t("record.play", { what })} onClick={() => tape.play(isOpen ? null : one)}>
          <Icon name={isSealed ? "lock" : isOpen ? "close" : "play"} />
          <span class="what">{what}</span>
        </button>
        <span class="dim">{`${lengthOf(file.durationMs)} · ${sizeOf(file.bytes, spoken())}`}</span>
        <a href={address} download={file.name} aria-label={t("record.download", { what })} title={t("record.download", { what })}>
          <Icon name="save" />
        </a>
      </div>
      {isOpen && <Player address={address} what={what} />}
    </li>
  );
}

/** The browser's own, which fetches what it needs in parts. */
function Player({ address, what }: { address: string; what: string }) {
  const [cannot, fail] = useState(false);
  if (cannot) return <p class="problem" role="alert">{t("record.unplayable")}</p>;
  return <video class="player" src={address} controls autoplay playsInline preload="metadata" aria-label={what} onError={() => fail(true)} />;
}
