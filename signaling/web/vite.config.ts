import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** The page asks its server for `/settings.js`: what is configured there, not what was when it was built. */
const settings: Plugin = {
  name: "settings-of-the-server",
  enforce: "pre",
  resolveId: (id) => (id === "volley:settings" ? { id: "/settings.js", external: "absolute" } : null),
};

/** The page people meet in, and the one that looks whether they could. */
const PAGES = ["index", "check"].map((name) => [name, fileURLToPath(new URL(`${name}.html`, import.meta.url))]);

const SERVER = process.env["VOLLEY_SERVER"] ?? "http://localhost:8080";

export default defineConfig({
  plugins: [settings],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // `npm run dev`: the page as it stands on the disk, with a server that runs beside it. That is told the host of the
  // page, as it refuses pages of others: without `target`, Vite would name the server.
  server: { proxy: { "/ws": { target: SERVER, ws: true }, "/api": { target: SERVER } } },
  build: {
    // Browsers of 2023 and later.
    target: ["chrome110", "firefox115", "safari16.4"],
    modulePreload: { polyfill: false },
    // The policy of the page lets nothing be inlined that could as well be a script.
    assetsInlineLimit: 0,
    rolldownOptions: { input: Object.fromEntries(PAGES) },
  },
});
