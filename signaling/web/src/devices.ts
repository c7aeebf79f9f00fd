/**
 * This person's microphone, camera and screen. It knows no network.
 */
import type { Input } from "volley-client";

export type Device = Input | "screen";

/** What devices are asked for. */
export interface DeviceSettings {
  width: number;
  height: number;
  echoCancellation: boolean;
  noiseSuppression: boolean;
}

/** What failed in the same way. */
export interface Problem {
  devices: Device[];
  error: unknown;
}

interface Failure {
  device: Input;
  error: unknown;
}

const INPUTS: Input[] = ["microphone", "camera"];

/** Events: `change` (a track came, went, or was muted), `problem` (detail: a {@link Problem}). */
export class Devices extends EventTarget {
  tracks: Record<Input, MediaStreamTrack | null> = { microphone: null, camera: null };
  /** What the person wants; a device may be missing all the same. */
  wanted: Record<Input, boolean> = { microphone: true, camera: true };
  screen: MediaStream | null = null;
  #settings;
  /** What was wanted and could not be had. */
  #missed = new Set<Input>();

  constructor(settings: DeviceSettings) {
    super();
    this.#settings = settings;
  }

  get supported(): boolean {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  get canShareScreen(): boolean {
    return "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices;
  }

  isOn(device: Input): boolean {
    return this.wanted[device] && this.tracks[device] !== null;
  }

  /** Asks for whatever is wanted and not there yet; one question to the person where possible. */
  async open(): Promise<void> {
    const missing = INPUTS.filter((device) => this.wanted[device] && !this.tracks[device]);
    if (missing.length === 0) return;
    if (!this.supported) return this.#failed(missing, new DOMException("", "InsecureContext"));
    const failures: Failure[] = [];
    for (const device of missing) {
      if (await isDenied(device)) failures.push({ device, error: new DOMException("", "NotAllowedError") });
    }
    const askable = missing.filter((device) => !failures.some((failure) => failure.device === device));
    failures.push(...(await this.#take(askable)));
    this.#report(failures);
  }

  /** Asks again for what failed, and for nothing that was switched off. */
  async retry(): Promise<void> {
    for (const device of this.#missed) this.wanted[device] = true;
    this.#missed.clear();
    await this.open();
  }

  /**
   * A microphone is silenced and stays open, so that it is back at once; a camera is closed, so
   * that its light goes out.
   */
  async set(device: Input, on: boolean): Promise<void> {
    this.wanted[device] = on;
    this.#missed.delete(device);
    const track = this.tracks[device];
    if (track && device === "microphone") track.enabled = on;
    if (track && device === "camera" && !on) this.#release(device);
    if (on && !track) await this.open();
    this.#changed();
  }

  /** Whether a screen is now shared. */
  async shareScreen(): Promise<boolean> {
    try {
      this.screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
    } catch (error) {
      // NotAllowedError is also what closing the browser's chooser gives: no problem at all.
      if (nameOf(error) !== "NotAllowedError") this.#problem(["screen"], error);
      return false;
    }
    for (const picture of this.screen.getVideoTracks()) {
      picture.contentHint = "detail";
      picture.onended = () => this.stopScreen();
    }
    this.#changed();
    return true;
  }

  stopScreen(): void {
    stop(this.screen?.getTracks() ?? []);
    this.screen = null;
    this.#changed();
  }

  async #take(devices: Input[]): Promise<Failure[]> {
    if (devices.length === 0) return [];
    try {
      this.#accept(await navigator.mediaDevices.getUserMedia(this.#request(devices)));
      return [];
    } catch (error) {
      // One missing device fails the common question for both; a person's "no" is meant for both.
      if (devices.length > 1 && nameOf(error) !== "NotAllowedError") {
        return [...(await this.#take(devices.slice(0, 1))), ...(await this.#take(devices.slice(1)))];
      }
      return devices.map((device) => ({ device, error }));
    }
  }

  #request(devices: Input[]): MediaStreamConstraints {
    const { width, height, echoCancellation, noiseSuppression } = this.#settings;
    const picture = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
    return {
      audio: devices.includes("microphone") ? { echoCancellation, noiseSuppression } : false,
      video: devices.includes("camera") ? picture : false,
    };
  }

  /** One problem for all that failed alike. */
  #report(failures: Failure[]): void {
    const byName = new Map(failures.map(({ error }) => [nameOf(error), error]));
    for (const [name, error] of byName) {
      const alike = failures.filter((failure) => nameOf(failure.error) === name);
      this.#failed(alike.map(({ device }) => device), error);
    }
  }

  #accept(stream: MediaStream): void {
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

  #unplugged(device: Input): void {
    this.#release(device);
    this.#failed([device], new DOMException("", "Unplugged"));
  }

  #failed(devices: Input[], error: unknown): void {
    for (const device of devices) {
      this.wanted[device] = false;
      this.#missed.add(device);
    }
    this.#problem(devices, error);
    this.#changed();
  }

  #release(device: Input): void {
    const track = this.tracks[device];
    if (track) stop([track]);
    this.tracks[device] = null;
  }

  #problem(devices: Device[], error: unknown): void {
    this.dispatchEvent(new CustomEvent<Problem>("problem", { detail: { devices, error } }));
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}

/** A device blocked for this site would spoil the common question for the other one. */
async function isDenied(device: Input): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: device as PermissionName })).state === "denied";
  } catch {
    return false; // Firefox and older Safari do not tell; asking will.
  }
}

function stop(tracks: MediaStreamTrack[]): void {
  for (const track of tracks) {
    track.onended = null;
    track.stop();
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : "";
}
