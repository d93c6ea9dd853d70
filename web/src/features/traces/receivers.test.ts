import { expect, test } from "vitest";
import { demoCommand, endpointsOf, exporterSettings, keyCommand } from "./receivers";

const receiver = (protocol: string, address: string, tls = false) => ({ protocol, address, tls });

test("addresses are those that the server listens on, as this browser reaches them", () => {
  const urls = (address: string, host: string, tls = false) => endpointsOf([receiver("grpc", address, tls)], host).map((e) => [e.url, e.isLocal]);
  expect(urls("127.0.0.1:14318", "127.0.0.1")).toEqual([["http://127.0.0.1:14318", true]]);
  expect(urls("[::]:4318", "tilt.example.com", true)).toEqual([["https://tilt.example.com:4318", false]]);
  expect(urls("0.0.0.0:4317", "[::1]")).toEqual([["http://[::1]:4317", false]]);
  expect(urls("[::1]:4317", "tilt.example.com")).toEqual([["http://[::1]:4317", true]]);
  expect(urls("10.0.0.5:4317", "tilt.example.com")).toEqual([["http://10.0.0.5:4317", false]]);
});

test("settings name the protocol, and a key where one is needed", () => {
  const [http, grpc] = endpointsOf([receiver("http/protobuf", "127.0.0.1:14318"), receiver("grpc", "0.0.0.0:4317", true)], "tilt.example.com");
  expect(exporterSettings(http!, false)).toBe(
    [
      "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318",
      "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
      "export OTEL_METRICS_EXPORTER=none",
      "export OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
      "# Current Python, in the place of the line above:",
      "# export OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY",
    ].join("\n"),
  );
  const withKey = exporterSettings(grpc!, true);
  expect(withKey).toContain("OTEL_EXPORTER_OTLP_ENDPOINT=https://tilt.example.com:4317\n");
  expect(withKey).toContain("OTEL_EXPORTER_OTLP_HEADERS=x-api-key=YOUR_KEY\n");
  expect(keyCommand("shop")).toContain("--scope ingest --project shop ");
  expect(keyCommand(undefined)).toContain("--project default ");
});

test("the demo is offered where it can be reached", () => {
  const ends = endpointsOf([receiver("grpc", "127.0.0.1:14317")], "localhost");
  expect(demoCommand(ends, false)).toBe("tiltmeter demo --endpoint 127.0.0.1:14317");
  expect(demoCommand(ends, true)).toBe("tiltmeter demo --endpoint 127.0.0.1:14317 --key YOUR_KEY");
  expect(demoCommand(endpointsOf([receiver("grpc", "127.0.0.1:14317", true)], "localhost"), false)).toBeUndefined();
  expect(demoCommand([], false)).toBeUndefined();
});
