import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ICONS } from "../src/view/icon.tsx";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const DIST = `${WEB}dist/`;
/** Written by the server when it is asked for. */
const SETTINGS = "settings.js";
/** Of what a browser fetches before it shows the lobby: a quarter of a second on a line of 5 Mbit/s. */
const FIRST_LOAD_BYTES = 150_000;

if (!existsSync(DIST)) throw new Error("the page is not built: run ./scripts/page");
const read = (name: string) => readFileSync(DIST + name, "utf8");
const FILES = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((name) => /\.(html|js|css|svg)$/.test(name));

test("every file the page names is there", () => {
  for (const name of FILES) {
    const named = [...read(name).matchAll(/(?:href|src)="\/([\w./-]+)|from\s*"\/([\w./-]+)"|["'`]\/([\w.-]+\.svg)/g)];
    for (const [, linked, imported, drawn] of named) {
      const file = linked ?? imported ?? drawn ?? "";
      expect(existsSync(DIST + file), `${name} names ${file}`).toBe(true);
    }
  }
});

test("the page asks its server for the settings, and is told to early", () => {
  const main = FILES.find((name) => /^assets\/index.*\.js$/.test(name)) ?? "";
  expect(read(main)).toMatch(/from\s*["'`]\/settings\.js["'`]/);
  expect(read("index.html")).toMatch(/rel="modulepreload"[^>]*href="\/settings\.js"/);
});

test("every icon used is drawn", () => {
  const drawn = [...read("icons.svg").matchAll(/<symbol id="([\w-]+)"/g)].map(([, id]) => id);
  expect([...drawn].sort()).toEqual([...ICONS].sort());
});

test("the page holds no inline script or style, and asks nobody else for anything", () => {
  const html = read("index.html");
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
  for (const name of FILES.filter((name) => !name.endsWith(".svg"))) {
    expect(read(name), name).not.toMatch(/(?:href|src)="https?:|(?:from|import)\s*\(?["'`]https?:|url\(/);
  }
});

test("little is loaded before the lobby is there", () => {
  const named = [...read("index.html").matchAll(/(?:href|src)="\/([\w./-]+)/g)].map(([, name]) => name ?? "");
  const files = new Set(["index.html", "icons.svg", ...named]);
  const sizes = [...files].map((name) => (name === SETTINGS ? 0 : gzipSync(read(name)).length));
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(FIRST_LOAD_BYTES);
});

test("the library is one module that stands alone", () => {
  expect(read("client.js")).toMatch(/export\s*\{[^}]*\bRoom\b/);
  expect(read("client.js")).not.toMatch(/\bimport\s*(\{|\(|["'`])|\bfrom\s*["'`]/);
});

test("what the page uses of the library is what everybody may use", () => {
  const names = readdirSync(`${WEB}src`, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  const sources = names.map((name) => readFileSync(`${WEB}src/${name}`, "utf8"));
  expect(sources.length).toBeGreaterThan(20);
  for (const source of sources) {
    expect(source).not.toMatch(/from "[^"]*client\/src|new (WebSocket|RTCPeerConnection)|(?<!#)fetch\((?!modelUrl\b)/);
  }
});
