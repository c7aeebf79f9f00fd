// People with drawn faces in a room with a page under test: all of them live in one page of their own.
import { until } from './shell.js';

const NAMES = [
  'Ada Lovelace', 'Grace Hopper', 'Emmy Noether', 'Alan Turing', 'Hedy Lamarr', 'Konrad Zuse', 'Mary Jackson', 'Claude Shannon',
  'Radia Perlman', 'Carl Gauss', 'Joan Clarke', 'Niels Bohr', 'Lise Meitner', 'Max Planck', 'Rosalind Franklin', 'Otto Hahn',
  'Marie Curie', 'Kurt Gödel', 'Sofja Kowalewskaja', 'David Hilbert', 'Maryam Mirzakhani', 'Leonhard Euler', 'Hypatia', 'Évariste Galois',
  'Katherine Johnson', 'Tim Berners-Lee', 'Dorothy Vaughan', 'Vint Cerf', 'Ida Rhodes', 'John Backus', 'Jean Bartik', 'Ken Thompson',
  'Frances Allen', 'Dennis Ritchie', 'Barbara Liskov', 'Niklaus Wirth', 'Shafi Goldwasser', 'Tony Hoare', 'Adele Goldberg', 'Alan Kay',
  'Karen Jones', 'Don Knuth', 'Sally Ride', 'Edsger Dijkstra', 'Annie Easley', 'Robin Milner', 'Mae Jemison', 'John McCarthy', 'Ruth Teitelbaum',
];

// What two cores encode while they decode it as well.
const FEW = { width: 960, height: 540, fps: 12 };
const SOME = { width: 480, height: 270, fps: 8 };
const MANY = { width: 320, height: 180, fps: 4 };

export class Company {
  static async open(context, room) {
    const page = await context.open('chromium', { id: 0 }, await context.fixture('company.html'));
    await until('the company is ready', () => page.evaluate(() => Boolean(globalThis.company)));
    return new Company(page, room);
  }

  constructor(page, room) {
    Object.assign(this, { page, room, names: [] });
  }

  // Grows to so many.
  async grow(count, { quiet = false } = {}) {
    const size = count <= 5 ? FEW : count <= 9 ? SOME : MANY;
    for (let index = this.names.length; index < count; index += 1) {
      const name = NAMES[index];
      const voice = quiet || index > 5 || index % 3 === 2 ? 'none' : index === 1 ? 'loud' : 'silent';
      await this.page.evaluate((room, name, how) => company.enter(room, name, how), this.room, name, { ...size, voice, camera: index % 11 !== 6 || quiet });
      this.names.push(name);
    }
    await until(`${count} people are connected`, () => this.page.evaluate(() => company.connected()), { timeoutMs: 60_000, everyMs: 250 });
  }

  do(what, ...words) {
    return this.page.evaluate((what, words) => company[what](...words), what, words);
  }
}
