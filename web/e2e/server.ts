import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { startFixtureServer } from "../fixtures/server";

declare module "vitest" {
  interface ProvidedContext {
    /** The server with invented traces: large ones, empty ones, failures. */
    fixtureUrl: string;
    /** The server under test: the one of TILTMETER_E2E_URL, or else the fixtures. */
    baseUrl: string;
  }
}

/** What the specs are told. */
export type Provided = Pick<ProvidedContext, "fixtureUrl" | "baseUrl">;

export default async function setup(project: TestProject) {
  const server = await startFixtureServer();
  project.provide("fixtureUrl", server.url);
  project.provide("baseUrl", process.env.TILTMETER_E2E_URL?.replace(/\/$/, "") || server.url);
  return server.close;
}
