// Where to send, as the server tells it: the addresses that it listens on, seen from this browser, and
// the settings that make an exporter send there.
import type { Receiver } from "../../api/types";

export interface Endpoint {
  /** As OTEL_EXPORTER_OTLP_PROTOCOL calls it: grpc or http/protobuf. */
  protocol: string;
  /** With its scheme, as OTEL_EXPORTER_OTLP_ENDPOINT takes it for both protocols. */
  url: string;
  /** host:port */
  address: string;
  tls: boolean;
  /** Only programs on the server's own machine reach it. */
  isLocal: boolean;
}

const everyAddress = new Set(["", "0.0.0.0", "[::]"]);
const isLoopback = (host: string) => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);

/** The receivers as a program beside this browser would reach them. `pageHost` is the host of the page's own address. */
export function endpointsOf(receivers: readonly Receiver[], pageHost: string): Endpoint[] {
  return receivers.map(({ protocol = "", address: listens = "", tls = false }) => {
    const at = listens.lastIndexOf(":");
    const host = listens.slice(0, at);
    // Who listens on every address is reached under the name that reached the page.
    const address = `${everyAddress.has(host) ? pageHost : host}${listens.slice(at)}`;
    return { protocol, address, tls, url: `${tls ? "https" : "http"}://${address}`, isLocal: isLoopback(host) };
  });
}

/** Stands for the key, which the page does not know. */
export const keyPlaceholder = "YOUR_KEY";

const captureContent = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/** Lines for a shell. The header is x-api-key because its value needs no escaping: some SDKs refuse a blank in it. */
export function exporterSettings(endpoint: Endpoint, isKeyRequired: boolean): string {
  const lines = [
    `OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint.url}`,
    `OTEL_EXPORTER_OTLP_PROTOCOL=${endpoint.protocol}`,
    ...(isKeyRequired ? [`OTEL_EXPORTER_OTLP_HEADERS=x-api-key=${keyPlaceholder}`] : []),
    "OTEL_METRICS_EXPORTER=none",
    `${captureContent}=true`,
  ];
  // Python opted into the latest conventions reads the value as the name of a mode, of which true is none.
  const python = [
    "# Current Python, in the place of the line above:",
    `# export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental ${captureContent}=SPAN_ONLY`,
  ];
  return [...lines.map((line) => `export ${line}`), ...python].join("\n");
}

/** Makes the key that these settings need, on the server's machine. */
export function keyCommand(project: string | undefined): string {
  return `tiltmeter keys create --scope ingest --project ${project ?? "default"} --name "my agents"`;
}

/** Plays the demo company's traffic into the server; undefined where it cannot be reached without more. */
export function demoCommand(endpoints: readonly Endpoint[], isKeyRequired: boolean): string | undefined {
  const grpc = endpoints.find((e) => e.protocol === "grpc");
  // Under TLS it needs the file of an authority, which the page does not know.
  if (!grpc || grpc.tls) return undefined;
  return `tiltmeter demo --endpoint ${grpc.address}${isKeyRequired ? ` --key ${keyPlaceholder}` : ""}`;
}
