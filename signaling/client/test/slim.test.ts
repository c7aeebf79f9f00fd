import { expect, test } from "vitest";
import { slimmest } from "../src/slim.ts";

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
