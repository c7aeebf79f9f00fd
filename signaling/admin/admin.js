// @ts-check
/** Live rooms, out of REST, twice every five seconds. Whoever may not read that may not read this. */
import { Rates, bitrate, heldBack, lossOf, megabytes, milliseconds, percent, roomOf } from "./figures.js";

const EVERY_MS = 2500;
/** Where the key stays while this tab is open. */
const KEPT = "volley-admin-key";

const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const rates = new Rates();
let secret = sessionStorage.getItem(KEPT) ?? "";

class Refused extends Error {}

/** @param {string} path */
async function ask(path) {
  const headers = secret ? { authorization: `Bearer ${secret}` } : undefined;
  const response = await fetch(path, { headers, cache: "no-store" });
  const body = await response.json();
  if (response.ok) return body;
  if (response.status === 401 || response.status === 403) throw new Refused(body.detail);
  if (response.status === 404) return null;
  throw new Error(body.detail);
}

async function allRooms() {
  const own = roomOf(secret);
  if (own !== null) {
    const room = await ask(`/api/rooms/${encodeURIComponent(own)}`);
    return room ? [room] : [];
  }
  const rooms = [];
  let cursor = "";
  do {
    const page = await ask(`/api/rooms?limit=100${cursor && `&cursor=${cursor}`}`);
    rooms.push(...page.rooms);
    cursor = page.nextCursor ?? "";
  } while (cursor);
  return rooms;
}

async function round() {
  try {
    const rooms = await allRooms();
    const sections = [];
    for (const room of rooms) sections.push(await section(room));
    rates.turn();
    byId("rooms").replaceChildren(...sections.filter((one) => one !== null));
    const people = rooms.reduce((sum, room) => sum + room.participants.length, 0);
    say(`${rooms.length} rooms, ${people} people`);
    byId("key").hidden = true;
  } catch (error) {
    if (error instanceof Refused) {
      byId("key").hidden = false;
      byId("rooms").replaceChildren();
      say(secret ? error.message : "This server asks for a key.");
    } else {
      say(`The server does not answer: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** @param {any} room */
async function section(room) {
  const stats = room.participants.length > 0 ? await ask(`/api/rooms/${encodeURIComponent(room.id)}/stats`) : null;
  const title = element("h2", room.name === room.id ? room.id : `${room.name} (${room.id})`);
  const taken = stats ? `, ${megabytes(stats.memoryBytes)}, ${stats.cpuPercent} % of a core` : "";
  const count = element("p", `${room.participants.length} of ${room.maxParticipants} people${taken}${heldBack(room.restraint)}`);
  count.className = "dim";
  const section = element("section", "");
  section.append(title, count);
  if (stats) section.append(people(stats, performance.now()), tracks(stats, room, performance.now()));
  return section;
}

/** @param {any} stats @param {number} now */
function people({ people }, now) {
  const head = ["who", "sends", "lost", "jitter", "is sent", "link carries", "lost", "there and back"];
  const rows = people.map((/** @type {any} */ { participantId, participantName, uplink, downlink }) => {
    const rate = (/** @type {string} */ name, /** @type {number} */ value) => rates.of(`${participantId} ${name}`, value, now);
    const lost = lossOf(rate("lost", uplink.packetsLost), rate("came", uplink.packets));
    return [
      participantName,
      bitrate(times8(rate("up", uplink.bytes))),
      percent(lost),
      milliseconds(uplink.jitterMs),
      bitrate(times8(rate("down", downlink.bytes))),
      bitrate(downlink.estimateBps),
      percent(downlink.lossRate),
      milliseconds(downlink.roundTripMs),
    ];
  });
  return table(head, rows);
}

/** @param {any} stats @param {any} room @param {number} now */
function tracks({ tracks }, room, now) {
  const names = new Map(room.participants.map((/** @type {any} */ one) => [one.participantId, one.participantName]));
  const head = ["track", "of", "comes", "goes out", "layers watched", "key frames asked for", "asked for again"];
  const rows = tracks.map((/** @type {any} */ track) => {
    const rate = (/** @type {string} */ name, /** @type {number} */ value) => rates.of(`${track.trackId} ${name}`, value, now);
    return [
      track.source,
      names.get(track.participantId) ?? "",
      bitrate(times8(rate("in", track.bytes))),
      bitrate(times8(rate("out", track.bytesForwarded))),
      track.layersWatched ? track.layersWatched.join(", ") || "none" : "–",
      String(track.keyFrameRequests),
      String(track.nacksSent),
    ];
  });
  return table(head, rows);
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  const table = document.createElement("table");
  const titles = table.createTHead().insertRow();
  titles.append(...head.map((text) => element("th", text)));
  const body = table.createTBody();
  for (const row of rows) body.insertRow().append(...row.map((text) => element("td", text)));
  return table;
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** @param {number | null} bytes */
function times8(bytes) {
  return bytes === null ? null : bytes * 8;
}

/** @param {string} text */
function say(text) {
  // Said again by screen readers whenever it is written.
  if (byId("state").textContent !== text) byId("state").textContent = text;
}

byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = /** @type {HTMLInputElement} */ (byId("secret"));
  secret = input.value.trim();
  sessionStorage.setItem(KEPT, secret);
  input.value = "";
  round();
});

async function rounds() {
  if (!document.hidden) await round();
  setTimeout(rounds, EVERY_MS);
}

rounds();
