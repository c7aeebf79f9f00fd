import { defineConfig } from "vite";

/** The library as one module, which the server serves as `/client.js`. */
export default defineConfig({
  build: {
    target: ["chrome110", "firefox115", "safari16.4"],
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "client.js" },
    outDir: "../web/dist",
    emptyOutDir: false,
    minify: true,
  },
});
