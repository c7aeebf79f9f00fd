/** The buttons below the stage: what this person does in the call. */
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { InputToggle, Popover, Round } from "./buttons.tsx";
import { Menu } from "./menu.tsx";
import { Level, Picker } from "./pickers.tsx";

export function Bar() {
  const { devices, room, call, chat, screen } = useApp();
  useChanges(devices, call, chat, screen);
  const isShared = devices.screen !== null;
  const isUp = room.handRaised;
  return (
    <div class="bar" role="group" aria-label={t("call")}>
      <div class="with-choice">
        <InputToggle input="microphone" />
        <Popover icon="up" label={t("settings.devices")} class="choice wide-only">
          <Picker kind="microphone" />
          <Level />
          <Picker kind="speaker" />
        </Popover>
      </div>
      <div class="with-choice">
        <InputToggle input="camera" />
        <Popover icon="up" label={t("device.camera")} class="choice wide-only">
          <Picker kind="camera" />
        </Popover>
      </div>
      {devices.canShareScreen && (
        <Round
          id="share"
          icon={isShared ? "share-off" : "share"}
          label={t("share.on")}
          title={t(isShared ? "share.off" : "share.on")}
          pressed={isShared}
          class="lit wide-only"
          onClick={() => void (isShared ? devices.stopScreen() : devices.shareScreen())}
        />
      )}
      <Round id="hand" icon="hand" label={t("hand.on")} title={t(isUp ? "hand.off" : "hand.on")} pressed={isUp} class="lit" onClick={() => call.raiseHand(!isUp)} />
      <Round
        icon="chat"
        label={chat.unread > 0 ? `${t("chat")}, ${t("chat.unread", { count: chat.unread })}` : t("chat")}
        expanded={screen.panel === "chat"}
        count={chat.unread}
        class="narrow-only"
        onClick={() => screen.toggle("chat")}
      />
      <Menu />
      <Round id="leave" icon="leave" label={t("leave")} class="danger" onClick={() => call.leave()} />
    </div>
  );
}
