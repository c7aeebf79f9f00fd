/** Room names: proposing one, reading one from what a person typed or from the address. */

const MOODS = `amber bright calm clear cosy dawn early easy fair fresh gentle glad golden green happy
  honest kind light lively lucky merry mild mellow misty noble open patient quick quiet rosy silver
  simple sunny swift tidy warm`.split(/\s+/);

const THINGS = `acorn badger beach birch brook cedar cloud coast comet coral crane delta falcon fern
  finch forest garden harbor hazel heron island lagoon lark maple meadow orchard otter pebble pine
  prairie river robin sparrow spruce summit thistle tulip valley willow`.split(/\s+/);

/** Without letters and digits that are misread for each other: 30 of them, nearly 5 bits each. */
const CODE = "abcdefghjkmnpqrstvwxyz23456789";

/** What the server takes as a room's name: 1 to 64 of these. */
const LONGEST = 64;

/** A room nobody is in by chance: about 30 bits, readable aloud. */
export function proposeRoom(): string {
  const [mood = 0, thing = 0, ...digits] = crypto.getRandomValues(new Uint32Array(6));
  const code = digits.map((number) => CODE[number % CODE.length]).join("");
  return `${MOODS[mood % MOODS.length]}-${THINGS[thing % THINGS.length]}-${code}`;
}

/** The room a person meant: a name, or a whole link pasted in. Empty when nothing usable is left. */
export function readRoom(typed: string): string {
  const link = typed.match(/\/r\/([^/?#]+)/);
  const name = (link?.[1] ? decode(link[1]) : typed)
    .trim()
    .normalize("NFKD")
    .replace(/\s+/g, "-")
    .replace(/[^A-Za-z0-9._~-]/g, "")
    .slice(0, LONGEST);
  // A path of dots alone is walked away by the browser before it reaches the server.
  return /^\.+$/.test(name) ? "" : name;
}

export function pathOf(roomId: string): string {
  return `/r/${encodeURIComponent(roomId)}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
