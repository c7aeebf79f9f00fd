// An encoder that finds its machine too slow sends smaller pictures, whatever the server does. Where a case judges by
// heights, `config.keepsSize` has it send fewer of them instead.
(() => {
  if (!globalThis.volleyTest.config.keepsSize) return;
  const { addTransceiver } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addTransceiver = function steady(...words) {
    const transceiver = addTransceiver.apply(this, words);
    const parameters = transceiver.sender.getParameters();
    transceiver.sender.setParameters({ ...parameters, degradationPreference: 'maintain-resolution' }).catch(() => {});
    return transceiver;
  };
})();
