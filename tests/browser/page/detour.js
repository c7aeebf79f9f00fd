// Takes another UDP port of the server than the one it says, and no TCP: `config.detour`, see harness/detour.js.
(() => {
  const { detour } = globalThis.volleyTest.config;
  if (!detour) return;
  const setRemoteDescription = RTCPeerConnection.prototype.setRemoteDescription;
  const otherWay = (sdp) => sdp
    .replaceAll(/a=candidate:\S+ \d tcp .*\r\n/gi, '')
    .replaceAll(/(a=candidate:\S+ \d udp \d+ \S+) \d+ /gi, `$1 ${detour} `);
  RTCPeerConnection.prototype.setRemoteDescription = function later({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: otherWay(sdp) });
  };
})();
