// Writes src/api/schema.d.ts from the API's OpenAPI document. With --check it writes nothing and
// fails when the committed file is stale.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const source = new URL("../../proto/gen/openapi.json", import.meta.url);
const target = new URL("../src/api/schema.d.ts", import.meta.url);

const header = "// Generated from proto/gen/openapi.json by `npm run generate`. Do not edit.\n\n";
const text = header + astToString(await openapiTS(source, { emptyObjectsUnknown: true }));

if (process.argv.includes("--check")) {
  if ((await readFile(target, "utf8")) !== text) {
    console.error("src/api/schema.d.ts is stale: run `npm run generate --prefix web` and commit it.");
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
