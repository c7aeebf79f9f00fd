/** Brings every picture from one stream into another, painted anew. It leaves no picture open, however it ends. */

/** Ends with `from`. Rejects, and ends both, where a picture cannot be painted or nobody takes it. */
export async function flow(from: ReadableStream<VideoFrame>, to: WritableStream<VideoFrame>, paint: (frame: VideoFrame) => VideoFrame): Promise<void> {
  const reader = from.getReader();
  const writer = to.getWriter();
  try {
    for (;;) {
      const { done, value: frame } = await reader.read();
      if (done) return await writer.close();
      await hand(replaced(frame, paint), writer);
    }
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
    throw error;
  }
}

function replaced(frame: VideoFrame, paint: (frame: VideoFrame) => VideoFrame): VideoFrame {
  try {
    return paint(frame);
  } finally {
    frame.close();
  }
}

async function hand(painted: VideoFrame, to: WritableStreamDefaultWriter<VideoFrame>): Promise<void> {
  try {
    await to.write(painted);
  } catch (error) {
    painted.close();
    throw error;
  }
}
