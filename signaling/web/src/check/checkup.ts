/**
 * What is tried, one after another, and what came of it in words. Knows no markup.
 */
import type { Tried } from "volley-client";
import { Changes } from "../state/changes.ts";
import { deviceProblem, refusal } from "../state/errors.ts";
import { type CheckWord, say } from "./words.ts";

export const STEPS = ["microphone", "camera", "websocket", "udp", "tcp", "relay"] as const;
export type Step = (typeof STEPS)[number];
export type Grade = "waiting" | "testing" | "well" | "flawed" | "bad" | "none" | "untried";

export interface Result {
  grade: Grade;
  /** What it means, and what to do. */
  text: string;
}

/** What the checkup looks at. */
export interface Instruments {
  /** A microphone that is open, or why there is none; how loud it was at the loudest, 0 to 1. */
  listen: () => Promise<{ loudest: number }>;
  /** Whether a picture came of the camera. */
  look: () => Promise<{ seen: boolean }>;
  tryWays: (tell: (tried: Tried) => void) => Promise<unknown>;
  host: string;
}

/** Below this of the meter nobody speaks, and no fan hums. */
const HEARD = 0.05;
const MEDIA: readonly Step[] = ["udp", "tcp", "relay"];

export class Checkup extends Changes {
  results = fresh();
  isRunning = false;
  #instruments;

  constructor(instruments: Instruments) {
    super();
    this.#instruments = instruments;
  }

  async run(): Promise<void> {
    if (this.isRunning) return;
    this.results = fresh();
    this.isRunning = true;
    const { listen, look, tryWays } = this.#instruments;
    await Promise.all([
      this.#device("microphone", async () => ((await listen()).loudest > HEARD ? "well" : "silent")).then(() =>
        this.#device("camera", async () => ((await look()).seen ? "well" : "dark")),
      ),
      this.#ways(tryWays),
    ]);
    this.isRunning = false;
    this.changed();
  }

  /** Whether a call would work: a server, a way for media, and something to be heard or seen with. */
  get verdict(): "testing" | "well" | "flawed" | "bad" {
    const grades = Object.fromEntries(STEPS.map((step) => [step, this.results[step].grade])) as Record<Step, Grade>;
    if (STEPS.some((step) => grades[step] === "waiting" || grades[step] === "testing")) return "testing";
    if (grades.websocket !== "well" || !MEDIA.some((step) => grades[step] === "well")) return "bad";
    const needed = [grades.microphone, grades.camera, grades.udp];
    return needed.every((grade) => grade === "well") ? "well" : "flawed";
  }

  /** For an administrator to read. */
  get report(): string {
    const line = (step: Step) => `${say(step)}: ${say(this.results[step].grade)}. ${this.results[step].text}`;
    return [`${say("title")}: ${this.#instruments.host}, ${navigator.userAgent}`, ...STEPS.map(line)].join("\n");
  }

  async #device(step: "microphone" | "camera", use: () => Promise<"well" | "silent" | "dark">): Promise<void> {
    this.#note(step, "testing");
    try {
      const found = await use();
      this.#note(step, found === "well" ? "well" : "flawed", say(`${step}.${found}` as CheckWord));
    } catch (error) {
      this.#note(step, "bad", deviceProblem([step], error).text);
    }
  }

  async #ways(tryWays: Instruments["tryWays"]): Promise<void> {
    for (const step of ["websocket", ...MEDIA] as Step[]) this.#note(step, "testing");
    await tryWays((tried) => this.#learn(tried));
  }

  #learn({ way, outcome, ms, code, message }: Tried): void {
    const values = { ms, host: this.#instruments.host };
    if (outcome === "untried") {
      const isRefused = code !== undefined;
      const why = isRefused ? say("untried.why", { why: refusal({ code, message: message ?? code }) }) : say("untried.closed");
      return this.#note(way, "untried", why);
    }
    const grade = outcome === "blocked" ? "bad" : outcome;
    const isCredentials = way === "relay" && outcome === "blocked" && code === "relay-credentials";
    this.#note(way, grade, say(isCredentials ? "relay.relay-credentials" : (`${way}.${outcome}` as CheckWord), values));
  }

  #note(step: Step, grade: Grade, text = ""): void {
    this.results = { ...this.results, [step]: { grade, text } };
    this.changed();
  }
}

function fresh(): Record<Step, Result> {
  return Object.fromEntries(STEPS.map((step) => [step, { grade: "waiting", text: "" }])) as Record<Step, Result>;
}
