/** What people write to each other. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type ChatLine, LONGEST_TEXT, piecesOf } from "../state/chat.ts";
import { spoken, t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { PanelHead } from "./call.tsx";
import { Icon } from "./icon.tsx";

/** Who is so near the last line wants to see the next one. */
const NEAR_END_PX = 80;

export function ChatPanel() {
  const { chat, call, notices } = useApp();
  useChanges(chat);
  const [text, setText] = useState("");
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    chat.look(true);
    field.current?.focus();
    return () => chat.look(false);
  }, []);
  useLayoutEffect(() => {
    const home = list.current;
    if (home && home.scrollHeight - home.scrollTop - home.clientHeight < NEAR_END_PX + home.clientHeight / 2) home.scrollTop = home.scrollHeight;
  }, [chat.lines]);
  const send = () => {
    const words = text.trim();
    if (words === "") return;
    if (call.say(words)) setText("");
    else notices.show("chat", { text: t("chat.lost") });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <>
      <PanelHead title={t("chat")} />
      {chat.lines.length === 0 && <p class="empty">{t("chat.empty")}</p>}
      <div class="lines" ref={list} tabIndex={0} role="log" aria-label={t("chat")} aria-live="off">
        <ol>
          {chat.lines.map((line) => (
            <Line line={line} key={line.id} />
          ))}
        </ol>
      </div>
      <form
        class="write"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <textarea ref={field} rows={1} maxLength={LONGEST_TEXT} aria-label={t("chat.placeholder")} placeholder={t("chat.placeholder")} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} onKeyDown={onKeyDown} />
        <button type="submit" class="primary square" aria-label={t("chat.send")} title={t("chat.send")} disabled={text.trim() === ""}>
          <Icon name="send" />
        </button>
      </form>
    </>
  );
}

function Line({ line: { participantId, name, text, at, goesOn } }: { line: ChatLine }) {
  const clock = at.toLocaleTimeString(spoken(), { hour: "2-digit", minute: "2-digit" });
  return (
    <li class={`${participantId === null ? "own" : ""} ${goesOn ? "goes-on" : ""}`}>
      {!goesOn && (
        <p class="who">
          <b>{participantId === null ? t("chat.you") : name}</b> <time dateTime={at.toISOString()}>{clock}</time>
        </p>
      )}
      <p class="text">
        {piecesOf(text).map((piece, index) =>
          piece.link ? (
            <a key={index} href={piece.text} target="_blank" rel="noopener noreferrer">
              {piece.text}
            </a>
          ) : (
            piece.text
          ),
        )}
      </p>
    </li>
  );
}
