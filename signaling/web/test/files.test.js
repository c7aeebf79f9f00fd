import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const FILES = readdirSync(WEB).filter((name) => /\.(html|js|css|svg)$/.test(name));
const read = (/** @type {string} */ name) => readFileSync(WEB + name, "utf8");

test("every file the page names is there", () => {
  for (const name of FILES) {
    const named = [...read(name).matchAll(/(?:href|src)="\/([\w.-]+)|from "\.\/([\w.-]+)"|`\/([\w.-]+\.svg)/g)];
    for (const [, linked, imported, drawn] of named) {
      const file = linked ?? imported ?? drawn;
      assert.ok(existsSync(WEB + file), `${name} names ${file}`);
    }
  }
});

test("every icon used is drawn", () => {
  const drawn = new Set([...read("icons.svg").matchAll(/<symbol id="([\w-]+)"/g)].map(([, id]) => id));
  for (const [, id] of read("index.html").matchAll(/icons\.svg#([\w-]+)/g)) assert.ok(drawn.has(id), id);
});

test("the page holds no inline script or style, and asks nobody else for anything", () => {
  const html = read("index.html");
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/);
  for (const name of FILES.filter((name) => !name.endsWith(".svg"))) {
    assert.doesNotMatch(read(name), /(?:href|src)="https?:|from "https?:|url\(|fetch\(/, name);
  }
});
