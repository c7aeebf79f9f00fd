import { defineConfig, type Plugin } from "vite";
import { declarations } from "./declarations.ts";

/** What TypeScript is to know of the module, as `/client.d.ts`. */
const types: Plugin = {
  name: "types-beside-the-module",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "client.d.ts", source: declarations() });
  },
};

/** The library as one module, which the server serves as `/client.js`. */
export default defineConfig({
  plugins: [types],
  build: {
    target: ["chrome110", "firefox115", "safari16.4"],
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "client.js" },
    outDir: "../web/dist",
    emptyOutDir: false,
    minify: true,
  },
});
