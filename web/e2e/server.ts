// The servers that the specs look at: the one with invented traces, and the binary of this
// repository with the demo company's traffic in it.
import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";
import { startFixtureServer } from "../fixtures/server";
import { startTiltmeter } from "./tiltmeter";

declare module "vitest" {
  interface ProvidedContext {
    /** The server with invented traces: large ones, hostile ones, empty ones, failures. */
    fixtureUrl: string;
    /** The real server. */
    baseUrl: string;
    /** Where the real server takes OTLP over gRPC, host:port. */
    otlpAddr: string;
  }
}

/** What the specs are told. */
export type Provided = Pick<ProvidedContext, "fixtureUrl" | "baseUrl" | "otlpAddr">;

export default async function setup(project: TestProject) {
  const fixtures = await startFixtureServer();
  const real = await startTiltmeter().catch(async (error: unknown) => {
    await fixtures.close();
    throw error;
  });
  project.provide("fixtureUrl", fixtures.url);
  project.provide("baseUrl", real.url);
  project.provide("otlpAddr", real.otlpAddr);
  return async () => {
    await fixtures.close();
    await real.stop();
  };
}
