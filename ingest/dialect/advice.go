package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
)

// What is missing from the spans of an instrumentation, in words: what it means and what its user can set. Settings are
// named where the instrumentation's own documentation or source has them.

// Advice explains a code to the people who run the instrumented service.
type Advice struct {
	Title       string
	Meaning     string   // what it says of the data
	Action      string   // what to do
	Settings    []string // NAME=value, or options of the instrumentation; nil: none is known
	Information bool     // nothing is lost
}

// The codes besides those of genai that Advise explains: what follows from what spans lack.
const (
	AdviceTokensMissing = "tokens_missing"
	AdviceModelMissing  = "model_missing"
	AdviceCostUnknown   = "cost_unknown"
	AdviceUnread        = "unread"
	AdviceUnknown       = "unknown"
	AdviceUsageRepeated = "usage_repeated"
)

// Advise explains a code, with what to set in this dialect. A code of none gives the zero value. Scope is the name of the
// instrumentation scope: several instrumentations may share a dialect.
func Advise(code, dialect, scope string) Advice {
	a, ok := advices[code]
	if !ok {
		return Advice{}
	}
	if code != string(genai.WarnContentMissing) {
		return a
	}
	for _, c := range captures {
		if c.dialect == dialect && strings.HasPrefix(scope, c.scope) {
			a.Action, a.Settings = c.action, c.settings
			return a
		}
	}
	return a
}

// advices are by code.
var advices = map[string]Advice{
	string(genai.WarnContentMissing): {
		Title:   "Content missing",
		Meaning: "Model calls came without what was asked, or without the answer: neither the span nor a log record of it has the text. Search, conversations and everything that looks at answers cannot see them.",
		Action:  "Capture of content is off in the instrumentation, or its log records are not exported. Switch capture on there; where it sends content as log records, export logs to this server, too.",
	},
	string(genai.WarnTruncated): {
		Title:   "Cut by a limit",
		Meaning: "A value is longer than this server reads. The raw span has all of it.",
		Action:  "The warning names the limit. Raise --max-attribute, --max-attributes or --max-depth where the server runs, if these values matter; how many messages, parts and levels of JSON are read is fixed.",
	},
	string(genai.WarnMalformedJSON): {
		Title:   "Broken JSON",
		Meaning: "A value that must be JSON is not, or breaks off, or the SDK sent “[object Object]” in its place. What could be read is kept, the rest as text.",
		Action: "Mostly the SDK cuts long attributes: remove OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT and " +
			"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT from the environment, or the limit that your code sets. Where the warning says that the SDK lost the value, update the SDK: " +
			"it is not in what it sent.",
	},
	string(genai.WarnWrongType): {
		Title:   "Wrong type",
		Meaning: "An attribute has another type than its convention says, such as a number sent as text. It was read where its meaning is plain.",
		Action:  "Update the instrumentation. An attribute that your own code sets: set it with the type of the convention.",
	},
	string(genai.WarnTokensDisagree): {
		Title:   "Token counts disagree",
		Meaning: "A span has two counts of the same tokens, and they differ. The first was taken; the span shows every count as it was sent.",
		Action:  "Look at the counts of an example. If two instrumentations describe the same call, switch one off.",
	},
	string(genai.WarnEndBeforeStart): {
		Title:   "End before start",
		Meaning: "Spans end before they start, so their duration is shown as zero.",
		Action:  "Check the clock of the machine. Times that your own code sets: check their unit, which is nanoseconds.",
	},
	string(genai.WarnSenderDropped): {
		Title:    "Dropped by the SDK",
		Meaning:  "The SDK threw attributes, events or links away before it sent the span, because there were more than it keeps. They may have held messages.",
		Action:   "Raise the limits of the SDK: flattened messages need several attributes each.",
		Settings: []string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=10000", "OTEL_SPAN_EVENT_COUNT_LIMIT=10000"},
	},
	string(genai.WarnUnknownOperation): {
		Title:   "Unknown operation",
		Meaning: "gen_ai.operation.name holds a name that the conventions do not have. It is kept as sent, and not counted as a model call.",
		Action:  "If it is a model call, send one of chat, text_completion, generate_content, embeddings or rerank.",
	},
	string(genai.WarnExternalContent): {
		Title:   "Content elsewhere",
		Meaning: "The span names a place where the content lies, and does not hold it. Tiltmeter does not fetch it.",
		Action:  "Send the content itself where it should be searchable here.",
	},
	string(genai.WarnIndexOutOfRange): {
		Title:   "Index beyond the limit",
		Meaning: "A list that was flattened into keys has an index beyond 10,000. Those elements stay attributes.",
		Action:  "Mostly an index that is no index: look at the attributes of an example.",
	},
	string(genai.WarnTimeImplausible): {
		Title:   "Implausible time",
		Meaning: "The start is zero, long past or in the future. The span is listed under its arrival.",
		Action:  "Check the clock of the machine. Times that your own code sets: check their unit, which is nanoseconds since 1970.",
	},
	string(genai.WarnCountImplausible): {
		Title:   "Implausible count",
		Meaning: "A token count is negative, no number, or too large to be one. It is left out.",
		Action:  "Look at the attributes of an example, and update the instrumentation.",
	},
	string(genai.WarnRuleFailed): {
		Title:   "A rule of yours could not read a value",
		Meaning: "A rule of the settings file found its attribute, and the value does not fit the field. The field is left to the dialects.",
		Action:  "Open an example: the warning names the rule and the attribute. Correct the rule, or what is sent.",
	},
	AdviceTokensMissing: {
		Title:   "Token counts missing",
		Meaning: "Model calls that did not fail came without token counts, so their cost is unknown, too.",
		Action:  "Mostly streams: many providers count only when asked to. With OpenAI's API, send stream_options with include_usage in the request.",
		Settings: []string{
			`stream_options: {"include_usage": true}`,
		},
	},
	AdviceModelMissing: {
		Title:   "Model missing",
		Meaning: "Model calls name no model, so that they cannot be priced or told apart.",
		Action:  "Update the instrumentation. In spans of your own code, set gen_ai.request.model.",
	},
	AdviceCostUnknown: {
		Title:   "Cost unknown",
		Meaning: "The tokens are known and the price is not: the price book does not have the model, or not one of its prices. The span says which.",
		Action:  "Add the model's price with --prices, and give the stored calls their cost with tiltmeter reprice: docs/cost.md.",
	},
	AdviceUnread: {
		Title:       "No operation",
		Meaning:     "A dialect was recognised, and nothing says what the span does. It is shown as it was sent, and counts as no model call.",
		Action:      "Harmless on spans around the calls. On calls themselves: see what became of each attribute with tiltmeter dialect test.",
		Information: true,
	},
	AdviceUnknown: {
		Title:   "Not understood",
		Meaning: "No dialect knows these spans, though their attributes look like those of a model call. They are kept and shown as they were sent.",
		Action:  "Name the attributes as the OpenTelemetry GenAI conventions do, or use one of the instrumentations that are read: docs/dialects.md.",
	},
	AdviceUsageRepeated: {
		Title:       "Usage repeated above",
		Meaning:     "Agents, workflows and wrappers carry the token counts of the calls below them. Each call is counted once, so the sums are right.",
		Action:      "Nothing.",
		Information: true,
	},
}

// capture is how the capture of content is switched on: in a dialect, and in the scopes of it that begin so.
type capture struct {
	dialect, scope, action string
	settings               []string
}

// captureContent is the variable of OpenTelemetry's own instrumentations. Python's opentelemetry-util-genai reads its value
// as a mode by name, of which true is none.
const captureContent = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

// captures are asked in their order, so that a scope of its own stands before its dialect.
var captures = []capture{
	{
		"otel-genai", "com.anthropic.sdk", "Anthropic's SDK sends spans by itself and leaves the content out unless it is asked for.",
		[]string{"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content"},
	},
	{
		"otel-genai", "", "OpenTelemetry's instrumentations leave content out unless they are asked for it. Those that send it as log records need a logs exporter, too. " +
			"JavaScript takes true, as does Python while it sends the older conventions; Python opted into the latest ones takes SPAN_ONLY, EVENT_ONLY or SPAN_AND_EVENT, and leaves content out with true.",
		[]string{
			captureContent + "=true (JavaScript, older Python)",
			"OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental (current Python)",
			captureContent + "=SPAN_ONLY (current Python)",
			"OTEL_LOGS_EXPORTER=otlp",
		},
	},
	{
		"openinference", "", "OpenInference sends content unless it is told to hide it: remove the variables that begin with OPENINFERENCE_HIDE_, or set them to false.",
		[]string{
			"OPENINFERENCE_HIDE_INPUTS=false", "OPENINFERENCE_HIDE_OUTPUTS=false",
			"OPENINFERENCE_HIDE_INPUT_MESSAGES=false", "OPENINFERENCE_HIDE_OUTPUT_MESSAGES=false",
		},
	},
	{
		"openllmetry", "", "OpenLLMetry sends content unless it is told not to: remove the variable, or set it to true. In JavaScript the option traceContent does the same.",
		[]string{"TRACELOOP_TRACE_CONTENT=true"},
	},
	{
		"ai-sdk", "", "The AI SDK records both sides of a call unless its telemetry settings say otherwise.",
		[]string{"recordInputs: true", "recordOutputs: true"},
	},
	{
		"google-adk", "", "Google's ADK puts {} in the place of the content when capture on spans is off.",
		[]string{"ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true"},
	},
	{
		"langsmith", "", "LangSmith sends content unless it is told to hide it: remove the variables, or set them to false.",
		[]string{"LANGSMITH_HIDE_INPUTS=false", "LANGSMITH_HIDE_OUTPUTS=false"},
	},
	{
		"spring-ai", "", "Spring AI logs content, as records of the call's span, when these properties are true. Export logs to this server, too.",
		[]string{"spring.ai.chat.observations.log-prompt=true", "spring.ai.chat.observations.log-completion=true"},
	},
	{
		"microsoft-ai", "Microsoft.SemanticKernel", "Semantic Kernel leaves content out unless sensitive diagnostics are on.",
		[]string{"SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true"},
	},
	{
		"microsoft-ai", "agent_framework", "Agent Framework leaves content out unless sensitive data is enabled.",
		[]string{"ENABLE_SENSITIVE_DATA=true"},
	},
	{
		"haystack", "", "Haystack leaves content out unless content tracing is on. The variable is read when Haystack is imported.",
		[]string{"HAYSTACK_CONTENT_TRACING_ENABLED=true"},
	},
	{
		"openlit", "", "OpenLIT sends content unless its capture is switched off where it is initialised.",
		[]string{"capture_message_content=True (Python)", "captureMessageContent: true (JavaScript)"},
	},
	{
		"claude-code", "", "Claude Code's spans of model calls hold no messages. Prompts, answers, and whole requests come as log records when they are asked for.",
		[]string{"OTEL_LOGS_EXPORTER=otlp", "OTEL_LOG_USER_PROMPTS=1", "OTEL_LOG_RAW_API_BODIES=1", "OTEL_LOG_TOOL_DETAILS=1"},
	},
	{
		"gemini-cli", "", "Gemini CLI sends prompts unless they are switched off.",
		[]string{"GEMINI_TELEMETRY_LOG_PROMPTS=true"},
	},
}
