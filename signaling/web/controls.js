// @ts-check
/** The round buttons of lobby and call: they show what is on and change it. */

/** @typedef {import("./media.js").LocalMedia} LocalMedia */

const LABELS = /** @type {const} */ ({ microphone: ["mic", "microphone"], camera: ["camera", "camera"] });

/** @param {LocalMedia} local */
export function bindControls(local) {
  const toggles = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-device]"));
  const share = /** @type {HTMLButtonElement} */ (document.getElementById("share"));
  const show = () => {
    for (const toggle of toggles) showToggle(toggle, local);
    press(share, local.screen !== null, local.screen ? "Stop sharing your screen" : "Share your screen");
  };
  for (const toggle of toggles) {
    toggle.onclick = () => {
      const device = deviceOf(toggle);
      local.set(device, !local.isOn(device));
    };
  }
  share.hidden = !local.canShareScreen;
  share.onclick = () => (local.screen ? local.stopScreen() : local.shareScreen());
  local.addEventListener("change", show);
  show();
}

/** @param {HTMLButtonElement} toggle @param {LocalMedia} local */
function showToggle(toggle, local) {
  const device = deviceOf(toggle);
  const on = local.isOn(device);
  const [icon, name] = LABELS[device];
  press(toggle, on, `Turn your ${name} ${on ? "off" : "on"}`);
  toggle.querySelector("use")?.setAttribute("href", `/icons.svg#${icon}${on ? "" : "-off"}`);
}

/** The tooltip says what a click does; the accessible name stays, and `aria-pressed` tells the state.
 * @param {HTMLButtonElement} button @param {boolean} on @param {string} title */
function press(button, on, title) {
  button.setAttribute("aria-pressed", String(on));
  button.title = title;
}

/** @param {HTMLButtonElement} toggle */
function deviceOf(toggle) {
  return /** @type {"microphone" | "camera"} */ (toggle.dataset.device);
}
