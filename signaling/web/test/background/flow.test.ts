import { expect, test } from "vitest";
import { flow } from "../../src/background/flow.ts";

class FakeFrame {
  closed = false;

  close(): void {
    this.closed = true;
  }
}

test("every picture is painted, closed and handed on, until the camera ends", async () => {
  const { frames, source, taken, sink } = streams(3);
  const painted: FakeFrame[] = [];
  await flow(source, sink, () => {
    painted.push(new FakeFrame());
    return painted.at(-1) as never;
  });
  expect(taken).toEqual(painted);
  expect([frames.every(({ closed }) => closed), painted.some(({ closed }) => closed)], "whoever takes one closes it").toEqual([true, false]);
});

test("a picture that cannot be painted ends it, is closed all the same, and the camera is let go", async () => {
  const { frames, source, sink, state } = streams(3);
  const broken = () => {
    throw new Error("the canvas is lost");
  };
  await expect(flow(source, sink, broken)).rejects.toThrow("the canvas is lost");
  expect([frames[0]?.closed, state.cancelled, state.aborted]).toEqual([true, true, true]);
});

test("a painted picture that nobody takes is closed", async () => {
  const { source } = streams(1);
  const sink = new WritableStream<VideoFrame>({
    write: () => {
      throw new Error("the track was stopped");
    },
  });
  const painted = new FakeFrame();
  await expect(flow(source, sink, () => painted as never)).rejects.toThrow("the track was stopped");
  expect(painted.closed).toBe(true);
});

function streams(count: number) {
  const frames = Array.from({ length: count }, () => new FakeFrame());
  const left = [...frames];
  const taken: unknown[] = [];
  const state = { cancelled: false, aborted: false };
  const source = new ReadableStream<VideoFrame>(
    {
      pull(to) {
        const frame = left.shift();
        if (frame) to.enqueue(frame as never);
        else to.close();
      },
      cancel: () => void (state.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  const sink = new WritableStream<VideoFrame>({ write: (frame) => void taken.push(frame), abort: () => void (state.aborted = true) });
  return { frames, source, taken, sink, state };
}
