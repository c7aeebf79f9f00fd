// @ts-check
/** The button of the reference: runs the example that stands above it, and shows what comes. */
import { call } from "./example.js";

const ROOM = "reference";
/** Lines of messages that are kept: a speaker changes often. */
const LINES = 100;

const button = /** @type {HTMLButtonElement} */ (document.getElementById("run"));
const log = /** @type {HTMLElement} */ (document.getElementById("log"));
const pictures = /** @type {HTMLElement} */ (document.getElementById("pictures"));

button.onclick = () => {
  button.disabled = true;
  log.hidden = false;
  call(ROOM, { onMessage: write, onTrack: play }).catch((error) => write({ type: "failed", message: String(error) }));
};

/** @param {unknown} message */
function write(message) {
  const lines = [...log.textContent.split("\n").filter(Boolean), JSON.stringify(message)];
  log.textContent = `${lines.slice(-LINES).join("\n")}\n`;
}

/** @param {MediaStreamTrack} track */
function play(track) {
  const element = /** @type {HTMLMediaElement} */ (document.createElement(track.kind));
  element.srcObject = new MediaStream([track]);
  element.autoplay = true;
  pictures.append(element);
}
