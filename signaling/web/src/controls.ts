/** The round buttons of lobby and call: they show what is on and change it. */
import type { Input } from "volley-client";
import type { Devices } from "./devices.ts";
import { part } from "./dom.ts";

const LABELS: Record<Input, [icon: string, name: string]> = {
  microphone: ["mic", "microphone"],
  camera: ["camera", "camera"],
};

export function bindControls(devices: Devices): void {
  const toggles = document.querySelectorAll<HTMLButtonElement>("[data-device]");
  const share = part<HTMLButtonElement>("#share");
  const show = () => {
    for (const toggle of toggles) showToggle(toggle, devices);
    press(share, devices.screen !== null, devices.screen ? "Stop sharing your screen" : "Share your screen");
  };
  for (const toggle of toggles) {
    toggle.onclick = () => {
      const input = inputOf(toggle);
      void devices.set(input, !devices.isOn(input));
    };
  }
  share.hidden = !devices.canShareScreen;
  share.onclick = () => void (devices.screen ? devices.stopScreen() : devices.shareScreen());
  devices.addEventListener("change", show);
  show();
}

function showToggle(toggle: HTMLButtonElement, devices: Devices): void {
  const input = inputOf(toggle);
  const on = devices.isOn(input);
  const [icon, name] = LABELS[input];
  press(toggle, on, `Turn your ${name} ${on ? "off" : "on"}`);
  toggle.querySelector("use")?.setAttribute("href", `/icons.svg#${icon}${on ? "" : "-off"}`);
}

/** The tooltip says what a click does; the accessible name stays, and `aria-pressed` tells the state. */
function press(button: HTMLButtonElement, on: boolean, title: string): void {
  button.setAttribute("aria-pressed", String(on));
  button.title = title;
}

function inputOf(toggle: HTMLButtonElement): Input {
  return toggle.dataset.device === "camera" ? "camera" : "microphone";
}
