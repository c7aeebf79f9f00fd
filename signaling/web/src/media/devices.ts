/**
 * This person's microphone, camera and screen. It knows no network.
 */
import type { Input } from "volley-client";
import { Changes } from "../state/changes.ts";

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

/** What makes another picture of the camera's, such as one with a blurred background. */
export interface CameraFilter {
  /**
   * The picture to be sent and seen in place of `camera`. Rejects where that cannot be made: then none is.
   * `onFailed`: nor can it any more, in the middle of it.
   */
  start(camera: MediaStreamTrack, onFailed: () => void): Promise<MediaStreamTrack>;
  /** The camera is off, or another one. */
  stop(): void;
}

export interface DeviceHooks {
  /** Which one the person likes; "": whichever. */
  preferred: (device: Input) => string;
  onProblem: (problem: Problem) => void;
  /** It works again, or is not wanted any more. */
  onSolved: (device: Device) => void;
}

interface Failure {
  device: Input;
  error: unknown;
}

const INPUTS: Input[] = ["microphone", "camera"];
/** The camera works, and what was to be made of its picture could not be. */
export const FILTER_FAILED = "FilterFailed";
/** Of these a device that is plugged in is the solution. */
const SOLVED_BY_PLUGGING = new Set(["NotFoundError", "Unplugged"]);

export class Devices extends Changes {
  /** What is sent and seen. */
  tracks: Record<Input, MediaStreamTrack | null> = { microphone: null, camera: null };
  /** What the person wants; a device may be missing all the same. */
  wanted: Record<Input, boolean> = { microphone: true, camera: true };
  screen: MediaStream | null = null;
  /** What is plugged in; without names before the person has allowed any. */
  list: readonly MediaDeviceInfo[] = [];
  /** Being asked for now. */
  isOpening = false;
  #settings;
  #hooks;
  /** The browser asks which screen. */
  #isChoosing = false;
  #filter: CameraFilter | null = null;
  /** The camera itself, where a filter makes another picture of it. */
  #camera: MediaStreamTrack | null = null;
  /** What was wanted and could not be had, and why. */
  #missed = new Map<Input, string>();
  /** Of those, what was switched off then. */
  #wereOff = new Set<Input>();

  constructor(settings: DeviceSettings, hooks: DeviceHooks) {
    super();
    this.#settings = settings;
    this.#hooks = hooks;
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.#plugged());
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

  /** The name of what went wrong, where a device is wanted and could not be had. */
  whyMissing(device: Input): string | undefined {
    return this.#missed.get(device);
  }

  /** The id of the device in use. */
  current(device: Input): string {
    const track = device === "camera" ? this.#camera : this.tracks.microphone;
    return track?.getSettings().deviceId ?? "";
  }

  /** Of several cameras the one after that in use; null: there is no other. */
  get otherCamera(): string | null {
    const cameras = this.list.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId !== "");
    const at = cameras.findIndex(({ deviceId }) => deviceId === this.current("camera"));
    return cameras.length < 2 ? null : (cameras[(at + 1) % cameras.length]?.deviceId ?? null);
  }

  /** The camera looks away from the person: what it sees is not to be seen as in a mirror. */
  get looksAway(): boolean {
    return this.#camera?.getSettings().facingMode === "environment";
  }

  /** Asks for whatever is wanted and not there yet; one question to the person where possible. */
  async open(): Promise<void> {
    const missing = INPUTS.filter((device) => this.wanted[device] && !this.tracks[device]);
    if (missing.length === 0) return;
    if (!this.supported) return this.#failed(missing, new DOMException("", "InsecureContext"));
    this.#opening(true);
    const failures: Failure[] = [];
    for (const device of missing) {
      if (await isDenied(device)) failures.push({ device, error: new DOMException("", "NotAllowedError") });
    }
    const askable = missing.filter((device) => !failures.some((failure) => failure.device === device));
    failures.push(...(await this.#take(askable)));
    this.#opening(false);
    this.#report(failures);
    await this.#look();
  }

  /** Asks again for what failed, and for nothing that was switched off. */
  async retry(): Promise<void> {
    for (const device of this.#missed.keys()) this.wanted[device] = true;
    this.#missed.clear();
    await this.open();
  }

  /**
   * A microphone is silenced and stays open, so that it is back at once; a camera is closed, so
   * that its light goes out.
   */
  async set(device: Input, on: boolean): Promise<void> {
    this.wanted[device] = on;
    if (this.#missed.delete(device)) this.#hooks.onSolved(device);
    const track = this.tracks[device];
    if (track && device === "microphone") track.enabled = on;
    if (track && device === "camera" && !on) this.#release(device);
    if (on && !track) await this.open();
    this.changed();
  }

  /** Takes the device that the person now prefers, if one is in use. */
  async change(device: Input): Promise<void> {
    if (!this.tracks[device]) return;
    this.#release(device);
    this.changed();
    await this.open();
  }

  /** From now on the camera's picture is this one's; null: the camera's own. */
  async setFilter(filter: CameraFilter | null): Promise<void> {
    this.#filter = filter;
    // Whoever is not seen for want of the other one has decided now.
    if (this.#missed.get("camera") === FILTER_FAILED) return this.set("camera", true);
    await this.change("camera");
  }

  /** Whether a screen is now shared. While the browser asks which one, it is not asked again. */
  async shareScreen(): Promise<boolean> {
    if (this.#isChoosing) return false;
    this.#isChoosing = true;
    try {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
      stop(this.screen?.getTracks() ?? []);
      this.screen = screen;
    } catch (error) {
      // NotAllowedError is also what closing the browser's chooser gives: no problem at all.
      if (nameOf(error) !== "NotAllowedError") this.#hooks.onProblem({ devices: ["screen"], error });
      return false;
    } finally {
      this.#isChoosing = false;
    }
    for (const picture of this.screen.getVideoTracks()) {
      picture.contentHint = "detail";
      picture.onended = () => this.stopScreen();
    }
    this.changed();
    return true;
  }

  stopScreen(): void {
    stop(this.screen?.getTracks() ?? []);
    this.screen = null;
    this.changed();
  }

  async #take(devices: Input[]): Promise<Failure[]> {
    if (devices.length === 0) return [];
    try {
      return await this.#accept(await navigator.mediaDevices.getUserMedia(this.#request(devices)));
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
    // As a wish: a device that is gone must not keep the others from being used.
    const which = (device: Input) => {
      const id = this.#hooks.preferred(device);
      return id ? { deviceId: { ideal: id } } : {};
    };
    const picture = { ...which("camera"), width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
    return {
      audio: devices.includes("microphone") ? { ...which("microphone"), echoCancellation, noiseSuppression } : false,
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

  async #accept(stream: MediaStream): Promise<Failure[]> {
    const failures: Failure[] = [];
    for (const track of stream.getTracks()) {
      const device = track.kind === "audio" ? "microphone" : "camera";
      if (this.tracks[device] || (device === "camera" && !this.wanted.camera)) {
        track.stop();
        continue;
      }
      track.enabled = this.wanted[device];
      track.onended = () => this.#unplugged(device);
      if (device === "microphone") this.tracks.microphone = track;
      else if (!(await this.#takePicture(track))) failures.push({ device, error: new DOMException("", FILTER_FAILED) });
      if (this.tracks[device]) this.#hooks.onSolved(device);
    }
    this.changed();
    return failures;
  }

  /** False: what was to be made of the camera's picture cannot be. Then nothing is seen, and not what was to be hidden. */
  async #takePicture(camera: MediaStreamTrack): Promise<boolean> {
    this.#camera = camera;
    try {
      const picture = (await this.#filter?.start(camera, () => this.#withhold(camera))) ?? camera;
      // It may have been switched off meanwhile.
      if (this.wanted.camera) this.tracks.camera = picture;
      else this.#release("camera");
      return true;
    } catch {
      this.#release("camera");
      return false;
    }
  }

  /** What is made of the camera's picture has ended: nothing is seen until the person wants something else. */
  #withhold(camera: MediaStreamTrack): void {
    if (this.#camera !== camera) return;
    this.#release("camera");
    this.#failed(["camera"], new DOMException("", FILTER_FAILED));
  }

  /** Another device of the kind takes over, where there is one. */
  #unplugged(device: Input): void {
    this.#release(device);
    this.changed();
    void this.#take([device]).then(async (failures) => {
      const [failure] = failures;
      if (failure) this.#failed([device], nameOf(failure.error) === FILTER_FAILED ? failure.error : new DOMException("", "Unplugged"));
      await this.#look();
    });
  }

  /** What was missing may be there now. */
  async #plugged(): Promise<void> {
    await this.#look();
    const solved = [...this.#missed].some(([, why]) => SOLVED_BY_PLUGGING.has(why));
    if (!solved || !INPUTS.some((device) => this.#missed.has(device) && this.#isThere(device))) return;
    // Who was muted when it was pulled out stays so, and is asked for it when they unmute.
    for (const device of this.#wereOff) if (this.#missed.delete(device)) this.#hooks.onSolved(device);
    this.#wereOff.clear();
    await this.retry();
  }

  #isThere(device: Input): boolean {
    const kind = device === "camera" ? "videoinput" : "audioinput";
    return this.list.some((one) => one.kind === kind);
  }

  async #look(): Promise<void> {
    this.list = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    this.changed();
  }

  #failed(devices: Input[], error: unknown): void {
    for (const device of devices) {
      if (this.wanted[device]) this.#wereOff.delete(device);
      else this.#wereOff.add(device);
      this.wanted[device] = false;
      this.#missed.set(device, nameOf(error));
    }
    this.#hooks.onProblem({ devices, error });
    this.changed();
  }

  #release(device: Input): void {
    const track = this.tracks[device];
    if (device === "camera") {
      this.#filter?.stop();
      if (this.#camera) stop([this.#camera]);
      this.#camera = null;
    }
    if (track) stop([track]);
    this.tracks[device] = null;
  }

  #opening(isOpening: boolean): void {
    this.isOpening = isOpening;
    this.changed();
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
