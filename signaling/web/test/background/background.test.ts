import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Background } from "../../src/background/background.ts";
import type { FromPainter, ToPainter } from "../../src/background/messages.ts";

interface FakeStudio {
  painter: { onmessage: ((event: { data: FromPainter }) => void) | null; postMessage: (message: ToPainter) => void };
  close: () => void;
  told: ToPainter[];
  closed: boolean;
  breaks: () => void;
}

const studios: FakeStudio[] = [];

vi.mock("../../src/background/studio.ts", () => ({
  startStudio: async (breaks: () => void) => {
    const told: ToPainter[] = [];
    const studio: FakeStudio = {
      painter: { onmessage: null, postMessage: (message) => told.push(message) },
      close: () => (studio.closed = true),
      ...{ told, closed: false, breaks },
    };
    studios.push(studio);
    return studio;
  },
}));

beforeEach(() => {
  studios.length = 0;
  vi.stubGlobal("MediaStreamTrackProcessor", class { readable = {}; });
  vi.stubGlobal("MediaStreamTrackGenerator", class {
    writable = {};
    stopped = false;
    stop() {
      this.stopped = true;
    }
  });
});
afterEach(() => vi.unstubAllGlobals());

const CAMERA = {} as MediaStreamTrack;

test("a background that ends in the middle is told of once, and its picture is stopped", async () => {
  const { background, painted, failures } = await blurred();
  tells({ type: "failed", turn: turnOf(0) });
  tells({ type: "failed", turn: turnOf(0) });
  await settled();
  expect([failures(), painted.stopped, studios[0]?.closed]).toEqual([1, true, true]);
  await background.start(CAMERA, () => {});
  expect(studios[1]?.told.map(({ type }) => type), "the next try has new workers that know what to show").toEqual(["effect", "start"]);
});

test("so is one of whose workers one breaks", async () => {
  const { painted, failures } = await blurred();
  studios[0]?.breaks();
  expect([failures(), painted.stopped]).toEqual([1, true]);
});

test("what ends with its camera is no failure, neither then nor of the next camera", async () => {
  const { background, failures } = await blurred();
  const first = turnOf(0);
  background.stop();
  tells({ type: "failed", turn: first });
  expect(failures()).toBe(0);
  let later = 0;
  await background.start(CAMERA, () => (later += 1));
  tells({ type: "failed", turn: first });
  expect([failures(), later, studios.length]).toEqual([0, 0, 1]);
});

test("what was painted is counted", async () => {
  const { background } = await blurred();
  const counting = background.count();
  await settled();
  const counted = { painted: 3, found: 2, finderMs: 1, painterMs: 1 };
  tells({ type: "counted", counted });
  expect(await counting).toEqual(counted);
});

async function blurred() {
  const background = new Background();
  let count = 0;
  await background.show({ kind: "blur" });
  const painted = (await background.start(CAMERA, () => (count += 1))) as unknown as { stopped: boolean };
  return { background, painted, failures: () => count };
}

function tells(data: FromPainter): void {
  studios[0]?.painter.onmessage?.({ data });
}

function turnOf(studio: number): number {
  const start = studios[studio]?.told.find((message) => message.type === "start");
  return start?.type === "start" ? start.turn : NaN;
}

const settled = () => new Promise((done) => setTimeout(done));
