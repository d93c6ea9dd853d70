// Debian's Chromium, driven by playwright-core. One browser for a file of specs.
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

const executablePath = process.env.TILTMETER_E2E_CHROMIUM || "/usr/bin/chromium";
const shots = fileURLToPath(new URL("../test-results/", import.meta.url));
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Milliseconds that an element may take to appear; the machine may be busy. */
const patience = 20_000;

let browser: Browser | undefined;

export function withBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  afterAll(async () => {
    await browser?.close();
  });
}

interface Opened {
  page: Page;
  /** What went wrong in the page: errors, failed policies. A spec expects it to stay empty. */
  problems: string[];
}

/** Opens an address in a window of its own, and closes the window after `run`. */
export async function withPage(url: string, options: BrowserContextOptions, run: (opened: Opened) => Promise<void>): Promise<void> {
  const context = await browser!.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      // The browser reports each failed request; specs that make requests fail look at the page.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) problems.push(message.text());
    });
    await page.goto(url);
    await run({ page, problems });
  } finally {
    await context.close();
  }
}

/** Writes a picture to test-results/, for people to look at. */
export async function shoot(page: Page, name: string): Promise<void> {
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: `${shots}${name}.png` });
}

interface AxeResult {
  violations: { id: string; help: string; nodes: { target: unknown; failureSummary?: string }[] }[];
}

/** Fails with what axe found, each with the elements it found it on. */
export async function expectAccessible(page: Page): Promise<void> {
  // evaluate runs beside the page's policy, which forbids scripts from elsewhere.
  await page.evaluate(axeSource);
  const result = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as AxeResult;
  const found = result.violations.map(
    (v) =>
      `${v.id}: ${v.help}\n${v.nodes
        .slice(0, 4)
        .map((n) => `    ${String(n.target)} ${n.failureSummary ?? ""}`)
        .join("\n")}`,
  );
  expect(found.join("\n")).toBe("");
}
