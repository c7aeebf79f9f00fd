import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // Only to end what hangs: on a busy machine a test of milliseconds takes seconds.
  test: { include: ["{client,web}/test/**/*.test.ts"], testTimeout: 60_000 },
});
