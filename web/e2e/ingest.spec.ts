import { expect, inject, test } from "vitest";
import { expectAccessible, shoot, withBrowser, withPage } from "./browser";

const base = inject("baseUrl");
const fixture = inject("fixtureUrl");
withBrowser();

test("the gates of ingest are counted", async () => {
  await withPage(`${base}/ingest`, {}, async ({ page, problems }) => {
    for (const name of ["Received", "Acknowledged", "Deduplicated", "Rejected", "Stored"])
      await page
        .getByRole("term")
        .filter({ hasText: new RegExp(`^${name}$`) })
        .waitFor();
    await expectAccessible(page);
    expect(problems).toEqual([]);
  });
});

test("dead letters are replayed after a second word", async () => {
  await withPage(`${fixture}/ingest`, {}, async ({ page }) => {
    await page.getByText("decode failed").first().waitFor();
    await shoot(page, "ingest");
    await page.getByRole("button", { name: "Replay all" }).click();
    await page.getByRole("button", { name: /^Replay all 3/ }).click();
    await page.getByText("3 records put back at the end of the log.").waitFor();
    await page.getByText("none: everything that was acknowledged could be read").waitFor();
  });
});
