// Fails when the JavaScript that the first page needs weighs more than the budget.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Bytes after gzip -9. On a slow line (1 Mbit/s) this is two seconds; a person waits no longer. */
const budgetBytes = 260 * 1024;

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));

const files = new Set(["theme.js"]);
const visit = (key) => {
  const chunk = manifest[key];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const next of chunk.imports ?? []) visit(next);
};
for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(key);

let total = 0;
for (const file of [...files].sort()) {
  const bytes = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
  total += bytes;
  console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(8)} KB  initial JavaScript, budget ${budgetBytes / 1024} KB`);
if (total > budgetBytes) {
  console.error("The initial JavaScript is over its budget: load what the first page does not need with import().");
  process.exit(1);
}
