/** Statistics of all connections of a call as one report: the server's, and those with others directly. */
import type { DirectConnection } from "volley-client";
import type { Report, Stat } from "./readings.ts";

/** What the ids of a direct connection's statistics begin with. */
export const DIRECT = "direct/";

/** Fields that name other statistics of the same connection. */
const REFERENCES = ["codecId", "localId", "remoteId", "localCandidateId", "remoteCandidateId", "transportId", "selectedCandidatePairId", "mediaSourceId"];

export interface Connections {
  pc: RTCPeerConnection | null;
  directConnections: readonly DirectConnection[];
}

export async function gather({ pc, directConnections }: Connections): Promise<Report> {
  const [server, ...direct] = await Promise.all([pc, ...directConnections.map(({ pc }) => pc)].map(statsOf));
  const all = new Map(server?.map((stat) => [stat.id, stat]));
  directConnections.forEach((connection, place) => {
    for (const stat of direct[place] ?? []) {
      const renamed = ofConnection(stat, connection);
      all.set(renamed.id, renamed);
    }
  });
  return all;
}

async function statsOf(pc: RTCPeerConnection | null): Promise<Stat[]> {
  const all: Stat[] = [];
  // One that was closed meanwhile has none.
  const report = await pc?.getStats().catch(() => null);
  report?.forEach((stat: Stat) => all.push(stat));
  return all;
}

/** M-lines are numbered anew in each connection, and so may be ids: those of a direct one are named after whom it leads to. */
function ofConnection(stat: Stat, { participantId, seatOf }: DirectConnection): Stat {
  const name = (id: unknown) => `${DIRECT}${participantId}/${String(id)}`;
  const references = REFERENCES.filter((field) => field in stat).map((field) => [field, name(stat[field])]);
  const line = "mid" in stat ? { mid: seatOf(String(stat["mid"])) ?? "" } : {};
  return { ...stat, ...Object.fromEntries(references), ...line, id: name(stat.id) };
}
