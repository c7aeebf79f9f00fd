/** What a receiver has made of what arrived. */

/** How many pictures were decoded so far. */
export async function picturesOf(receiver: RTCRtpReceiver): Promise<number> {
  const report = await receiver.getStats();
  let decoded = 0;
  report.forEach((stats: { type: string; framesDecoded?: number }) => {
    if (stats.type === "inbound-rtp") decoded += stats.framesDecoded ?? 0;
  });
  return decoded;
}
