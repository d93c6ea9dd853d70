// The real server: the repository's binary on free ports, with a data folder of its own.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { access, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const binary = fileURLToPath(new URL("../../bin/tiltmeter", import.meta.url));
/** How long the engine may take to start and to store the history, on a busy machine. */
const patienceMs = 120_000;
/** How long a stop may take before the process is ended the hard way. */
const stopMs = 20_000;

interface Status {
  storedSpans?: string;
  receivedSpans?: string;
  receivers: { protocol: string; address: string }[];
}

interface Tiltmeter {
  url: string;
  otlpAddr: string;
  stop: () => Promise<void>;
}

/** Plays the demo company's traffic into a server. Another seed is another story, with other traces. */
export async function playDemo(otlpAddr: string, seed: number, days: number): Promise<void> {
  await promisify(execFile)(binary, ["demo", "--endpoint", otlpAddr, "--seed", String(seed), "--days", String(days)]);
}

/** Sends spans of a service as OTLP/JSON to where the server says that it listens, and waits until they are stored. */
export async function sendSpans(url: string, spans: readonly object[], service?: string): Promise<void> {
  const status = async () => (await (await fetch(`${url}/v1/ingest/status`)).json()) as Status;
  const before = await status();
  const http = before.receivers.find((r) => r.protocol === "http/protobuf")!.address;
  const resource = service === undefined ? {} : { attributes: [{ key: "service.name", value: { stringValue: service } }] };
  const sent = await fetch(`http://${http}/v1/traces`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }),
  });
  if (!sent.ok) throw new Error(`the server refused the spans: ${await sent.text()}`);
  const deadline = Date.now() + patienceMs;
  while (Number((await status()).storedSpans) < Number(before.storedSpans) + spans.length) {
    if (Date.now() > deadline) throw new Error("the spans were not stored in time");
    await sleep(100);
  }
}

/** Starts the server and plays a day of demo traffic into it. */
export async function startTiltmeter(): Promise<Tiltmeter> {
  await access(binary).catch(() => {
    throw new Error(`The browser tests run against ${binary}, which is not there: run \`make build\` first.`);
  });
  const data = await mkdtemp(join(tmpdir(), "tiltmeter-e2e-"));
  const [http, grpc, otlp] = await freePorts(3);
  const log = join(data, "serve.log");
  const child = await serve(log, [
    ["--data-dir", join(data, "data")],
    ["--http-addr", `127.0.0.1:${http}`],
    ["--otlp-grpc-addr", `127.0.0.1:${grpc}`],
    ["--otlp-http-addr", `127.0.0.1:${otlp}`],
    ["--engine-memory", "1GiB"],
  ]);
  const url = `http://127.0.0.1:${http}`;
  const otlpAddr = `127.0.0.1:${grpc}`;
  const stop = async () => {
    await end(child);
    await rm(data, { recursive: true, force: true });
  };
  try {
    await until(child, async () => (await fetch(`${url}/readyz`)).ok);
    await playDemo(otlpAddr, 7, 1);
    await until(child, async () => {
      const status = (await (await fetch(`${url}/v1/ingest/status`)).json()) as Status;
      return Number(status.storedSpans) > 0 && status.storedSpans === status.receivedSpans;
    });
  } catch (error) {
    const said = await readFile(log, "utf8").catch(() => "");
    await stop();
    throw new Error(`The server could not be made ready. It said:\n${said.slice(-4_000)}`, { cause: error });
  }
  return { url, otlpAddr, stop };
}

async function serve(log: string, flags: string[][]): Promise<ChildProcess> {
  const file = await open(log, "w");
  try {
    return spawn(binary, ["serve", ...flags.flat()], { stdio: ["ignore", file.fd, file.fd] });
  } finally {
    await file.close();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  if ((await Promise.race([gone, sleep(stopMs, "slow", { ref: false })])) === "slow") child.kill("SIGKILL");
  await gone;
}

/** Asks until the answer is yes, the process ends, or patience does. */
async function until(child: ChildProcess, ask: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    if (await ask().catch(() => false)) return;
    if (child.exitCode !== null) throw new Error(`tiltmeter serve ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`tiltmeter serve was not ready within ${patienceMs / 1000} s`);
    await sleep(200);
  }
}

/** Ports that nobody listens on. All are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
