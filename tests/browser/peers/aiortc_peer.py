"""A WebRTC peer that is none of ours (aiortc) and knows nothing but a URL.

    aiortc_peer.py publish URL ID   by WHIP: paints and sounds as participant ID
    aiortc_peer.py watch URL        by WHEP: says twice a second whom it has seen and heard

One JSON object per line on standard output. It goes when its standard input ends.
"""

import array
import asyncio
import fractions
import json
import math
import sys
import urllib.error
import urllib.request
from urllib.parse import urljoin

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from av import AudioFrame, VideoFrame

# As page/format.js has it.
WIDTH, HEIGHT, BLOCKS, FLASH_EVERY, FLASH_FRAMES, COUNTER_MODULUS = 640, 480, 20, 30, 3, 4080
WHITE, BLACK, GREY = 235, 16, 90
RATE, SAMPLES = 48_000, 960
IDS = range(1, 8)


def tone_hz(who):
    return 400 + 150 * who


def say(**facts):
    print(json.dumps(facts), flush=True)


def encode(who, number):
    """The strip of blocks that tells whose picture it is, and which."""
    bits = [1, 0] + [who >> place & 1 for place in (2, 1, 0)]
    bits.append(1 if number % FLASH_EVERY < FLASH_FRAMES else 0)
    counter = number % COUNTER_MODULUS
    bits += [counter >> place & 1 for place in range(11, -1, -1)]
    return bits + [parity(bits), 1]


def decode(bits):
    if bits[:2] != [1, 0] or bits[-1] != 1 or parity(bits[:-2]) != bits[-2]:
        return None
    return bits[2] * 4 + bits[3] * 2 + bits[4]


def parity(bits):
    return (1 + sum(bits[2:])) % 2


class Picture(VideoStreamTrack):
    def __init__(self, who):
        super().__init__()
        self.who, self.number = who, 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        block = WIDTH // BLOCKS
        row = b"".join(bytes([WHITE if bit else BLACK]) * block for bit in encode(self.who, self.number))
        frame.planes[0].update(row * block + bytes([GREY]) * (WIDTH * (HEIGHT - block)))
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * (WIDTH * HEIGHT // 4))
        frame.pts, frame.time_base = pts, time_base
        self.number += 1
        return frame


class Tone(AudioStreamTrack):
    def __init__(self, who):
        super().__init__()
        self.step, self.at, self.began = 2 * math.pi * tone_hz(who) / RATE, 0, None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.began = self.began if self.began is not None else loop.time()
        await asyncio.sleep(max(0, self.began + self.at / RATE - loop.time()))
        samples = array.array("h", (round(9000 * math.sin(self.step * (self.at + i))) for i in range(SAMPLES)))
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES)
        frame.planes[0].update(samples.tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self.at, RATE, fractions.Fraction(1, RATE)
        self.at += SAMPLES
        return frame


def seen(frame):
    """Whose picture it is, at whatever size it comes."""
    plane = frame.planes[0]
    luma, line = bytes(plane), (frame.height // 30) * plane.line_size
    return decode([int(luma[line + int((i + 0.5) * frame.width / BLOCKS)] > 126) for i in range(BLOCKS)])


def heard(frame):
    """Whose tone it is, if one stands out."""
    channels = len(frame.layout.channels)
    samples = array.array("h", bytes(frame.planes[0])[: frame.samples * channels * 2])[::channels]
    powers = sorted((power(samples, tone_hz(who), frame.sample_rate), who) for who in IDS)
    return powers[-1][1] if powers[-1][0] > 1e4 and powers[-1][0] > 4 * powers[-2][0] else None


def power(samples, hz, rate):
    step, before, last = 2 * math.cos(2 * math.pi * hz / rate), 0.0, 0.0
    for sample in samples:
        before, last = last, sample + step * last - before
    return (before * before + last * last - step * before * last) / (len(samples) ** 2)


async def count(track, who, counts):
    try:
        while True:
            found = who(await track.recv())
            if found is not None:
                counts[found] = counts.get(found, 0) + 1
    except MediaStreamError:
        pass


async def request(method, url, body=None, **headers):
    """Status, head and body; an HTTP error is an answer like any other."""

    def ask():
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body.encode() if body is not None else None
        call = urllib.request.Request(url, data=data, method=method, headers=names)
        try:
            with urllib.request.urlopen(call, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    return await asyncio.to_thread(ask)


async def connect(pc, url):
    """The URL of the session."""
    await pc.setLocalDescription(await pc.createOffer())
    status, head, answer = await request("POST", url, pc.localDescription.sdp, content_type="application/sdp")
    if status != 201:
        raise SystemExit(f"{url}: {status} {answer}")
    await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    session, tag = urljoin(url, head["location"]), head["etag"]
    kind = "application/trickle-ice-sdpfrag"
    trickled, _, _ = await request("PATCH", session, "a=end-of-candidates\r\n", content_type=kind, if_match=tag)
    say(session=session, trickled=trickled)
    return session


async def main(role, url, who=None):
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    pictures, tones, tasks = {}, {}, []

    @pc.on("connectionstatechange")
    def changed():
        say(state=pc.connectionState)

    @pc.on("track")
    def came(track):
        of_kind = (seen, pictures) if track.kind == "video" else (heard, tones)
        tasks.append(asyncio.create_task(count(track, *of_kind)))

    if role == "publish":
        for track in (Tone(int(who)), Picture(int(who))):
            pc.addTransceiver(track, direction="sendonly")
    else:
        for kind in ("audio", "video"):
            pc.addTransceiver(kind, direction="recvonly")
    session = await connect(pc, url)
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not ended.done():
        await asyncio.wait([ended], timeout=0.5)
        say(pictures=pictures, tones=tones)
    status, _, _ = await request("DELETE", session)
    again, _, _ = await request("DELETE", session)
    say(deleted=status, again=again)
    await pc.close()


asyncio.run(main(*sys.argv[1:]))
