// A direct page-to-page call with the same source in the same pages at the same time: what this
// machine and these browsers can do without a server between them.
volleyTest.yardstick = (() => {
  function create() {
    volleyTest.yardstickInTheMaking = true;
    const pc = new RTCPeerConnection();
    volleyTest.yardstickInTheMaking = false;
    return pc;
  }

  async function gathered(pc) {
    while (pc.iceGatheringState !== 'complete') {
      await new Promise((done) => pc.addEventListener('icegatheringstatechange', done, { once: true }));
    }
    return pc.localDescription.sdp;
  }

  async function addSource(pc, codec) {
    const stream = await volleyTest.source.getUserMedia({ audio: true, video: true });
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
    if (!codec) return;
    const all = RTCRtpReceiver.getCapabilities('video').codecs;
    const wanted = all.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}`);
    const video = pc.getTransceivers().find(({ receiver }) => receiver.track.kind === 'video');
    video.setCodecPreferences([...wanted, ...all.filter((one) => !wanted.includes(one))]);
  }

  async function offer(codec) {
    const pc = (volleyTest.yardstick.pc = create());
    await addSource(pc, codec);
    await pc.setLocalDescription();
    return gathered(pc);
  }

  async function answer(sdp) {
    const pc = (volleyTest.yardstick.pc = create());
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await addSource(pc);
    await pc.setLocalDescription();
    return gathered(pc);
  }

  async function accept(sdp) {
    await volleyTest.yardstick.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  return { offer, answer, accept, pc: null };
})();
