/**
 * Makes the m-line of a further seat short. A browser offers some thirty payload types on each, in 6 KB; with
 * dozens of seats that is more than a server takes, and nearly all of it says the same again.
 */
import type { HeaderExtensions } from "./layers.ts";

/** Of each, one: what servers forward. */
const FORWARDED = ["audio/opus", "video/vp8", "video/vp9", "video/h264", "video/av1"];
/** Repair of what was lost, in whatever way a browser has it. */
const REPAIR = "video/rtx";
/** The H.264 that every browser sends (constrained baseline, RFC 7742 §6.2), in the packets every server forwards. */
const H264 = /packetization-mode=1.*profile-level-id=42e01f|profile-level-id=42e01f.*packetization-mode=1/i;

/** Header extensions that only senders need, or that tell what a small picture shows without. */
const NEEDLESS = [
  "urn:ietf:params:rtp-hdrext:toffset",
  "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
  "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
  "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
  "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
];

/** Offers only what is needed to receive what servers forward. */
export function slim(line: RTCRtpTransceiver): void {
  dropNeedless(line as HeaderExtensions);
  const known = RTCRtpReceiver.getCapabilities(line.receiver.track.kind)?.codecs ?? [];
  const chosen = slimmest(known);
  if (chosen.length > 0 && "setCodecPreferences" in line) line.setCodecPreferences(chosen);
}

/** One of each that is forwarded, and the repair. */
export function slimmest(known: readonly RTCRtpCodec[]): RTCRtpCodec[] {
  const typeOf = ({ mimeType }: RTCRtpCodec) => mimeType.toLowerCase();
  const chosen = FORWARDED.flatMap((type) => {
    const alike = known.filter((codec) => typeOf(codec) === type);
    const best = alike.find(({ sdpFmtpLine = "" }) => H264.test(sdpFmtpLine)) ?? alike[0];
    return best ? [best] : [];
  });
  const repair = known.filter((codec) => typeOf(codec) === REPAIR).slice(0, 1);
  return chosen.length > 0 ? [...chosen, ...repair] : [];
}

/** Not every browser lets a page choose. */
export function dropNeedless(line: HeaderExtensions): void {
  const extensions = line.getHeaderExtensionsToNegotiate?.() ?? [];
  for (const one of extensions) if (NEEDLESS.includes(one.uri)) one.direction = "stopped";
  try {
    if (extensions.length > 0) line.setHeaderExtensionsToNegotiate?.(extensions);
  } catch {
    // Then the m-line is longer, and works all the same.
  }
}
