// A server that is told to browsers by an IPv6 address alone, and takes the page over IPv4 at the same port.
import { receiving } from '../harness/calls.js';
import { addIpv6 } from '../harness/network.js';
import { callStats, join } from '../harness/room.js';
import { selectedPair } from '../measure/receiver.js';

const ADDRESS = 'fd77::1';

export const name = 'ipv6';
export const about = 'media over IPv6 alone, HTTP over both';
export const needsServer = true;
export const environment = { VOLLEY_HOST: '::', VOLLEY_ANNOUNCE: ADDRESS, VOLLEY_ICE_TCP: 'false' };
export const cases = [{ name: 'ipv6', run: overIpv6 }];

async function overIpv6(context) {
  context.onClose(addIpv6(ADDRESS, 'fd77::2'));
  const people = [await join(context, 'chromium', 1, context.room), await join(context, 'chromium', 2, context.room)];
  const [one, two] = people;
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  const remotes = (await Promise.all(people.map(callStats))).map((stats) => selectedPair(stats)?.remote.address);
  return {
    remotes,
    failures: remotes.every((address) => address === ADDRESS) ? [] : [`media goes to ${remotes}`],
  };
}
