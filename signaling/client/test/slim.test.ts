import { expect, test } from "vitest";
import { dropNeedless, slimmest } from "../src/slim.ts";

const codec = (mimeType: string, sdpFmtpLine?: string): RTCRtpCodec =>
  ({ mimeType, clockRate: 90_000, ...(sdpFmtpLine !== undefined && { sdpFmtpLine }) }) as RTCRtpCodec;

test("of what a browser offers, one of each kind stays, and the repair", () => {
  const known = [
    codec("video/VP8"),
    codec("video/rtx"),
    codec("video/VP9", "profile-id=0"),
    codec("video/VP9", "profile-id=2"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    codec("video/AV1"),
    codec("video/ulpfec"),
  ];
  expect(slimmest(known).map(({ mimeType, sdpFmtpLine }) => [mimeType, sdpFmtpLine])).toEqual([
    ["video/VP8", undefined],
    ["video/VP9", "profile-id=0"],
    ["video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"],
    ["video/AV1", undefined],
    ["video/rtx", undefined],
  ]);
});

test("sound is Opus", () => {
  const known = [codec("audio/opus", "minptime=10"), codec("audio/red"), codec("audio/G722")];
  expect(slimmest(known).map(({ mimeType }) => mimeType)).toEqual(["audio/opus"]);
});

test("where nothing is known nothing is asked for", () => {
  expect(slimmest([codec("video/H265")])).toEqual([]);
});

test("what only senders need is not offered, and a browser that minds is left as it is", () => {
  const mid = "urn:ietf:params:rtp-hdrext:sdes:mid";
  const rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
  let set: { uri: string; direction: string }[] = [];
  const known = () => [mid, rid].map((uri) => ({ uri, direction: "sendrecv" }));
  dropNeedless({ getHeaderExtensionsToNegotiate: known, setHeaderExtensionsToNegotiate: (all) => void (set = all) });
  expect(set).toEqual([{ uri: mid, direction: "sendrecv" }, { uri: rid, direction: "stopped" }]);
  const minds = () => {
    throw new Error("no");
  };
  expect(() => dropNeedless({ getHeaderExtensionsToNegotiate: known, setHeaderExtensionsToNegotiate: minds })).not.toThrow();
  expect(() => dropNeedless({})).not.toThrow();
});
