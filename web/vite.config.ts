import { transformAsync } from "@babel/core";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/**
 * Runs the React Compiler over our own components. The ready-made plugin asks for a newer Node
 * than the one that `make web` promises to work with, so the twenty lines are here.
 */
function reactCompiler(): Plugin {
  return {
    name: "tiltmeter:react-compiler",
    enforce: "pre",
    async transform(code, id) {
      if (!id.includes("/src/") || !id.endsWith(".tsx")) return null;
      const result = await transformAsync(code, {
        filename: id,
        babelrc: false,
        configFile: false,
        sourceMaps: true,
        parserOpts: { plugins: ["typescript", "jsx"] },
        plugins: [["babel-plugin-react-compiler", {}]],
      });
      return result?.code == null ? null : { code: result.code, map: result.map };
    },
  };
}

const backend = process.env.TILTMETER_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [reactCompiler(), react()],
  build: {
    target: "es2022",
    // light-dark() must stay as it is: what stands in for it in older browsers cannot be themed by hand.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // The embed placeholder must survive the build: the Go package does not compile without it.
    emptyOutDir: false,
    sourcemap: false,
    manifest: "manifest.json",
    chunkSizeWarningLimit: 1000,
  },
  css: { modules: { generateScopedName: "[name]_[local]_[hash:base64:4]" } },
  server: { host: "127.0.0.1", port: 5173, proxy: { "/v1": backend, "/openapi.json": backend } },
});
