// @ts-check
/**
 * This person's microphone, camera and screen. It knows no network.
 *
 * Events: `change` (a track came, went, or was muted), `problem` (detail: `{devices, error}`: what
 * failed in the same way).
 *
 * @typedef {"microphone" | "camera"} Input
 * @typedef {Input | "screen"} Device
 * @typedef {{device: Input, error: unknown}} Failure
 */

import { settings } from "./settings.js";

/** What devices are asked for. */
const WISH = {
  audio: { echoCancellation: settings.echoCancellation, noiseSuppression: settings.noiseSuppression },
  video: { width: { ideal: settings.width }, height: { ideal: settings.height }, frameRate: { ideal: 30 } },
};

/** @type {Input[]} */
const INPUTS = ["microphone", "camera"];

export class LocalMedia extends EventTarget {
  /** @type {{microphone: MediaStreamTrack | null, camera: MediaStreamTrack | null}} */
  tracks = { microphone: null, camera: null };
  /** What the person wants; a device may be missing all the same. */
  wanted = { microphone: true, camera: true };
  /** @type {MediaStream | null} */
  screen = null;
  /** What was wanted and could not be had. @type {Set<Input>} */
  #missed = new Set();

  get supported() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get canShareScreen() {
    return Boolean(navigator.mediaDevices?.getDisplayMedia);
  }

  /** @param {Input} device */
  isOn(device) {
    return this.wanted[device] && this.tracks[device] !== null;
  }

  /** Asks for whatever is wanted and not there yet; one question to the person where possible. */
  async open() {
    const missing = INPUTS.filter((device) => this.wanted[device] && !this.tracks[device]);
    if (missing.length === 0) return;
    if (!this.supported) return this.#failed(missing, new DOMException("", "InsecureContext"));
    /** @type {Failure[]} */
    const failures = [];
    for (const device of missing) {
      if (await isDenied(device)) failures.push({ device, error: new DOMException("", "NotAllowedError") });
    }
    const askable = missing.filter((device) => !failures.some((failure) => failure.device === device));
    failures.push(...(await this.#take(askable)));
    this.#report(failures);
  }

  /** Asks again for what failed, and for nothing that was switched off. */
  async retry() {
    for (const device of this.#missed) this.wanted[device] = true;
    this.#missed.clear();
    await this.open();
  }

  /**
   * A microphone is silenced and stays open, so that it is back at once; a camera is closed, so
   * that its light goes out.
   *
   * @param {Input} device
   * @param {boolean} on
   */
  async set(device, on) {
    this.wanted[device] = on;
    this.#missed.delete(device);
    const track = this.tracks[device];
    if (track && device === "microphone") track.enabled = on;
    if (track && device === "camera" && !on) this.#release(device);
    if (on && !track) await this.open();
    this.#changed();
  }

  /** @returns {Promise<boolean>} whether a screen is now shared */
  async shareScreen() {
    try {
      this.screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
    } catch (error) {
      // NotAllowedError is also what closing the browser's chooser gives: no problem at all.
      if (!isNamed(error, "NotAllowedError")) this.#problem(["screen"], error);
      return false;
    }
    const [picture] = this.screen.getVideoTracks();
    picture.contentHint = "detail";
    picture.onended = () => this.stopScreen();
    this.#changed();
    return true;
  }

  stopScreen() {
    stop(this.screen?.getTracks() ?? []);
    this.screen = null;
    this.#changed();
  }

  close() {
    this.#release("microphone");
    this.#release("camera");
    this.stopScreen();
  }

  /** @param {Input[]} devices @returns {Promise<Failure[]>} */
  async #take(devices) {
    if (devices.length === 0) return [];
    try {
      this.#accept(await navigator.mediaDevices.getUserMedia(request(devices)));
      return [];
    } catch (error) {
      // One missing device fails the common question for both; a person's "no" is meant for both.
      if (devices.length > 1 && !isNamed(error, "NotAllowedError")) {
        return [...(await this.#take([devices[0]])), ...(await this.#take(devices.slice(1)))];
      }
      return devices.map((device) => ({ device, error }));
    }
  }

  /** One problem for all that failed alike. @param {Failure[]} failures */
  #report(failures) {
    const byName = new Map(failures.map(({ error }) => [nameOf(error), error]));
    for (const [name, error] of byName) {
      const alike = failures.filter((failure) => nameOf(failure.error) === name);
      this.#failed(alike.map(({ device }) => device), error);
    }
  }

  /** @param {MediaStream} stream */
  #accept(stream) {
    for (const track of stream.getTracks()) {
      const device = track.kind === "audio" ? "microphone" : "camera";
      if (this.tracks[device] || (device === "camera" && !this.wanted.camera)) {
        track.stop();
        continue;
      }
      track.enabled = this.wanted[device];
      track.onended = () => this.#unplugged(device);
      this.tracks[device] = track;
    }
    this.#changed();
  }

  /** @param {Input} device */
  #unplugged(device) {
    this.#release(device);
    this.#failed([device], new DOMException("", "Unplugged"));
  }

  /** @param {Input[]} devices @param {unknown} error */
  #failed(devices, error) {
    for (const device of devices) {
      this.wanted[device] = false;
      this.#missed.add(device);
    }
    this.#problem(devices, error);
    this.#changed();
  }

  /** @param {Input} device */
  #release(device) {
    const track = this.tracks[device];
    if (track) stop([track]);
    this.tracks[device] = null;
  }

  /** @param {Device[]} devices @param {unknown} error */
  #problem(devices, error) {
    this.dispatchEvent(new CustomEvent("problem", { detail: { devices, error } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {Input[]} devices @returns {MediaStreamConstraints} */
function request(devices) {
  return {
    audio: devices.includes("microphone") ? WISH.audio : false,
    video: devices.includes("camera") ? WISH.video : false,
  };
}

/**
 * A device blocked for this site would spoil the common question for the other one.
 *
 * @param {Input} device
 */
async function isDenied(device) {
  try {
    const name = /** @type {PermissionName} */ (/** @type {unknown} */ (device));
    return (await navigator.permissions.query({ name })).state === "denied";
  } catch {
    return false; // Firefox and older Safari do not tell; asking will.
  }
}

/** @param {MediaStreamTrack[]} tracks */
function stop(tracks) {
  for (const track of tracks) {
    track.onended = null;
    track.stop();
  }
}

/** @param {unknown} error @param {string} name */
function isNamed(error, name) {
  return nameOf(error) === name;
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}
