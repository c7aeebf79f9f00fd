import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{client,web}/test/**/*.test.ts"] },
});
