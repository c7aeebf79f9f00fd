/** Who is here, and what whoever runs the room may do about it. */
import type { RefObject } from "preact";
import type { Participant, TrackSource } from "volley-client";
import { hueOf, initialsOf } from "../state/names.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { PanelHead } from "./call.tsx";
import { Icon } from "./icon.tsx";
import { Sure, useQuestion } from "./sure.tsx";
import { Bars } from "./tile.tsx";

interface Entry {
  id: string;
  name: string;
  hand: boolean;
  microphone: boolean;
  camera: boolean;
  /** Null: this person. */
  person: Participant | null;
}

export function PeoplePanel() {
  const { room, call, devices, watch, stage } = useApp();
  useChanges(call, devices, watch, stage);
  const self: Entry = { id: call.self.id, name: call.self.name, hand: room.handRaised, microphone: devices.isOn("microphone"), camera: devices.isOn("camera"), person: null };
  const others = [...room.participants.values()].map(
    (person): Entry => ({ id: person.id, name: person.name, hand: person.handRaised, microphone: sends(person, "microphone"), camera: sends(person, "camera"), person }),
  );
  others.sort((one, other) => one.name.localeCompare(other.name));
  const all = [self, ...others];
  const hands = all.filter(({ hand }) => hand);
  return (
    <>
      <PanelHead title={t("people")} count={all.length} />
      <div class="scrolls" tabIndex={0} role="group" aria-label={t("people")}>
        {hands.length > 0 && (
          <>
            <h3>{t("people.hands")}</h3>
            <ul class="people">
              {hands.map((entry) => (
                <Row key={entry.id} entry={entry} />
              ))}
            </ul>
            <hr />
          </>
        )}
        <ul class="people">
          {all.map((entry) => (
            <Row key={entry.id} entry={entry} />
          ))}
        </ul>
      </div>
    </>
  );
}

function Row({ entry: { id, name, hand, microphone, camera, person } }: { entry: Entry }) {
  const { call, stage, watch } = useApp();
  const { isAsking, opener, ask, no } = useQuestion();
  const mark = person ? (watch.marks.get(id) ?? "good") : watch.own;
  const isPinned = stage.pinned === id;
  const said = [hand && t("tile.hand"), !microphone && t("tile.muted"), !camera && t("tile.no-picture"), mark !== "good" && t(`tile.${mark}`)].filter(Boolean).join(", ");
  return (
    <li style={{ "--hue": String(hueOf(name)) }}>
      <span class="face" aria-hidden="true">{initialsOf(name)}</span>
      <span class="who">
        {person ? name : t("you", { name })}
        <span class="visually-hidden">{said && `, ${said}`}</span>
      </span>
      <span class="states" aria-hidden="true">
        {mark !== "good" && <Bars mark={mark} />}
        {hand && <Icon name="hand" />}
        {!camera && <Icon name="camera-off" />}
        <Icon name={microphone ? "mic" : "mic-off"} />
      </span>
      {person && !isAsking && (
        <span class="deeds">
          <Deed icon={isPinned ? "pin-off" : "pin"} label={t(isPinned ? "unpin" : "pin", { name })} onClick={() => stage.pin(id)} />
          {call.mayModerate && microphone && <Deed icon="mic-off" label={t("people.mute", { name })} onClick={() => void call.moderate(person, "mute")} />}
          {call.mayModerate && <Deed icon="remove" label={t("people.remove", { name })} opener={opener} onClick={ask} />}
        </span>
      )}
      {person && isAsking && (
        <Sure
          label={t("people.remove-sure", { name })}
          text={t("people.remove-sure", { name })}
          does={t("people.remove-do")}
          onNo={no}
          onYes={() => void call.moderate(person, "remove")}
        />
      )}
    </li>
  );
}

interface DeedProps {
  icon: "pin" | "pin-off" | "mic-off" | "remove";
  label: string;
  opener?: RefObject<HTMLButtonElement | null>;
  onClick: () => void;
}

function Deed({ icon, label, opener, onClick }: DeedProps) {
  return (
    <button type="button" ref={opener} class="quiet square" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}

function sends(person: Participant, source: TrackSource): boolean {
  return [...person.tracks.values()].some((track) => track.source === source && !track.muted);
}
