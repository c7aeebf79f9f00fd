// Who had a seat when, from the messages a page heard: [{ at, message }] in their order.

// When `name` had a seat with a picture at or after `from`: `from` itself if they had one already; null when
// they never did.
export function seatedAt(heard, name, from) {
  const ids = new Set();
  let seated = false;
  for (const { at, message } of heard) {
    for (const id of idsOf(message, name)) ids.add(id);
    if (message.type !== 'slots') continue;
    if (at > from && seated) break;
    seated = message.slots.some(({ participantId, source }) => source === 'camera' && ids.has(participantId));
    if (at > from && seated) return at;
  }
  return seated ? from : null;
}

function idsOf(message, name) {
  if (message.type === 'joined') return message.participants.filter(({ participantName }) => participantName === name).map(({ participantId }) => participantId);
  return message.type === 'participant-joined' && message.participantName === name ? [message.participantId] : [];
}
