/** What is done now and then: the menu behind the three dots. */
import { canLeavePage, goFullScreen, isFullScreen, takeOut } from "../media/windows.ts";
import { t } from "../words.ts";
import { useApp, useChanges } from "./app.ts";
import { MenuItem, Popover } from "./buttons.tsx";
import { EXTRAS } from "./extras.ts";

export function Menu() {
  const { screen, preferences, devices, room, notices, watch } = useApp();
  useChanges(screen, preferences, devices);
  const { view, received } = preferences.all;
  const isSpeaker = view === "speaker";
  const otherCamera = devices.isOn("camera") ? devices.otherCamera : null;
  const turnAround = (camera: string) => {
    preferences.set({ camera });
    void devices.change("camera");
  };
  const out = async () => {
    if (!(await takeOut())) notices.show("pip", { text: t("pip.none") });
  };
  return (
    <Popover icon="more" label={t("more")} class="menu">
      {devices.canShareScreen && (
        <MenuItem icon="share" label={t(devices.screen ? "share.off" : "share.on")} class="narrow-only" onClick={() => void (devices.screen ? devices.stopScreen() : devices.shareScreen())} />
      )}
      {otherCamera !== null && <MenuItem icon="again" label={t("camera.other")} class="narrow-only" onClick={() => turnAround(otherCamera)} />}
      <MenuItem icon="people" label={`${t("people")} (${room.participants.size + 1})`} class="narrow-only" onClick={() => screen.toggle("people")} />
      <MenuItem icon={isSpeaker ? "grid" : "spotlight"} label={t(isSpeaker ? "view.grid" : "view.speaker")} onClick={() => preferences.set({ view: isSpeaker ? "grid" : "speaker" })} />
      {document.fullscreenEnabled && <MenuItem icon={isFullScreen() ? "shrink" : "expand"} label={t(isFullScreen() ? "full-screen.leave" : "full-screen")} onClick={() => void goFullScreen()} />}
      {canLeavePage() && <MenuItem icon="pip" label={t("pip")} onClick={() => void out()} />}
      <MenuItem icon="sound" label={t("sound-only.short")} checked={received === "sound"} onClick={() => preferences.set({ received: received === "sound" ? "auto" : "sound" })} />
      {EXTRAS.menu.map((Extra, index) => <Extra key={index} />)}
      <hr />
      <MenuItem
        icon="chart"
        label={t("inside")}
        onClick={() => {
          void watch.look();
          screen.toggle("inside");
        }}
      />
      <MenuItem icon="keyboard" label={t("shortcuts")} class="wide-only" onClick={() => screen.open("shortcuts")} />
      <MenuItem icon="settings" label={t("settings")} onClick={() => screen.open("settings")} />
    </Popover>
  );
}
