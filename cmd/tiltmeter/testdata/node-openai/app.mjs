// An application as users write it: the OpenAI client, OpenTelemetry's own SDK and instrumentation.
// OTEL_EXPORTER_OTLP_ENDPOINT says where spans and logs go, OPENAI_BASE_URL where the model is.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { NodeSDK, logs, resources } = require("@opentelemetry/sdk-node");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-proto");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");

const loggerProvider = new logs.LoggerProvider({
  resource: resources.resourceFromAttributes({ "service.name": "node-openai" }),
  processors: [new logs.BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })],
});
const openai = new OpenAIInstrumentation({ captureMessageContent: true });
const sdk = new NodeSDK({
  serviceName: "node-openai",
  traceExporter: new OTLPTraceExporter(),
  instrumentations: [openai],
});
sdk.start();
// The SDK and the instrumentation bring two copies of the logs API, so the global provider of one is not the other's.
openai.setLoggerProvider(loggerProvider);

const { default: OpenAI } = require("openai");
const client = new OpenAI({ apiKey: "none" });
const answer = await client.chat.completions.create({
  model: "gpt-4o-mini",
  messages: [
    { role: "system", content: "You are a terse assistant." },
    { role: "user", content: "How tall is the Eiffel tower?" },
  ],
});
console.log(answer.choices[0].message.content);
await loggerProvider.shutdown();
await sdk.shutdown();
