// Runs after `npm ci`: npm passes over an optional package that does not fit
// this platform without a word, so say it here.
import { existsSync } from "node:fs";

const platform = `${process.platform}-${process.arch}${process.platform === "linux" ? "-gnu" : ""}`;
const library = new URL(`node_modules/@chdb/lib-${platform}/libchdb.so`, import.meta.url);
if (!existsSync(library)) {
  console.error(
    `No ClickHouse engine library is locked for ${platform}. Install the npm package @chdb/lib-${platform} ` +
      "by hand and set TILTMETER_ENGINE_LIBRARY to its libchdb.so, or use a server of your own with --clickhouse-dsn.",
  );
  process.exit(1);
}
