import { defineConfig } from "vitest/config";

// The browser tests: one Chromium, the fixtures and the real server, one file after the other.
export default defineConfig({
  test: {
    include: ["e2e/**/*.spec.ts"],
    environment: "node",
    globalSetup: ["./e2e/server.ts"],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
