export async function call(roomId, { onMessage, onTrack }) {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  pc.ontrack = ({ track, transceiver }) => onTrack(track, transceiver);
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`);
  await new Promise((open) => socket.addEventListener("open", open));
  const send = (message) => socket.send(JSON.stringify(message));

  socket.onmessage = async ({ data }) => {
    const message = JSON.parse(data);
    onMessage(message);
    if (message.type === "request-offer") {
      for (const kind of ["audio", "video"]) {
        const have = pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind).length;
        for (let more = have; more < message.receive[kind]; more += 1) pc.addTransceiver(kind);
      }
      await pc.setLocalDescription();
      send({ type: "offer", roomId, sdp: pc.localDescription.sdp });
    }
    if (message.type === "answer") await pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
  };

  const devices = await navigator.mediaDevices?.getUserMedia({ audio: true, video: true }).catch(() => null);
  devices?.getTracks().forEach((track) => pc.addTrack(track, devices));
  send({ type: "join", roomId, participantName: "John Doe" });
}
