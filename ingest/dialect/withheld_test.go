package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// TestWithheld: the markers of senders that hide contents are warned about. An empty object is one of Google's ADK alone,
// elsewhere it is what a function without arguments was given.
func TestWithheld(t *testing.T) {
	t.Parallel()
	missing := func(fields ...string) (list []genai.Warning) {
		for _, f := range fields {
			list = append(list, genai.Warning{Code: genai.WarnContentMissing, Field: f, Text: "the sender sent a marker instead of the content"})
		}
		return list
	}
	for name, tc := range map[string]struct {
		scope, span string
		in          attributes
		want        []genai.Warning
		arguments   genai.JSON
	}{
		"Laminar, no arguments":              {in: attributes{"lmnr.span.type": "DEFAULT", "lmnr.span.input": "{}", "lmnr.span.output": "{}"}},
		"Laminar, a tool without arguments":  {in: attributes{"lmnr.span.type": "TOOL", "lmnr.span.input": "{}"}, arguments: "{}"},
		"Laminar, hidden":                    {in: attributes{"lmnr.span.type": "LLM", "lmnr.span.input": "__REDACTED__"}, want: missing("lmnr.span.input")},
		"Genkit":                             {in: attributes{"genkit:type": "action", "genkit:input": "{}", "genkit:output": "{}"}},
		"MLflow":                             {in: attributes{"mlflow.spanType": `"CHAIN"`, "mlflow.spanInputs": "{}", "mlflow.spanOutputs": "{}"}},
		"Langfuse":                           {in: attributes{"langfuse.observation.type": "span", "langfuse.observation.input": "{}"}},
		"OpenInference":                      {in: attributes{"openinference.span.kind": "CHAIN", "input.value": "{}", "output.value": "{}"}},
		"OpenInference, hidden":              {in: attributes{"openinference.span.kind": "LLM", "input.value": "__REDACTED__"}, want: missing("input.value")},
		"the AI SDK":                         {in: attributes{"ai.operationId": "ai.generateText", "ai.prompt": "{}"}},
		"the conventions":                    {in: attributes{"gen_ai.operation.name": "chat", "gen_ai.input.messages": "{}", "gen_ai.system_instructions": "{}"}},
		"the conventions, hidden":            {in: attributes{"gen_ai.operation.name": "chat", "gen_ai.input.messages": "<REDACTED>"}, want: missing("gen_ai.input.messages")},
		"ADK":                                {scope: "gcp.vertex.agent", span: "call_llm", in: attributes{"gcp.vertex.agent.llm_request": "{}", "gcp.vertex.agent.llm_response": "{}"}, want: missing("gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response")},
		"ADK, a key that is none of its own": {scope: "gcp.vertex.agent", span: "call_llm", in: attributes{"gen_ai.input.messages": "{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := namedSpanOf(t, dialect.Options{}, tc.scope, "", tc.span, tc.in)
			if d := cmp.Diff(tc.want, s.Warnings); d != "" {
				t.Errorf("warnings (-want +got):\n%s", d)
			}
			if len(s.Input) > 0 || len(s.Output) > 0 || s.Tool.Arguments != tc.arguments {
				t.Errorf("got input %v, output %v, arguments %q; want none and %q", s.Input, s.Output, s.Tool.Arguments, tc.arguments)
			}
		})
	}
}
