// The same people where the kernel does not steer, as in a container without CAP_BPF: still one port, still
// every call; what comes to another worker is handed on.
import { onePort, environment } from './one-port.js';

export const name = 'one-port-handed';
export const about = 'the same without the right to steer (CAP_BPF): datagrams are handed between workers, and every call works';
export const needsServer = true;
export { environment };
export const launcher = ['setpriv', '--bounding-set', '-sys_admin,-bpf', '--inh-caps', '-sys_admin,-bpf'];
export const cases = [{ name, run: (context) => onePort(context, { isSteered: false }) }];
