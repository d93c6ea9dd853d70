package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// geminiCLI reads Gemini CLI. Its keys are OpenTelemetry's; its operations have names of their own, its messages
// Gemini's shape, and its prompt name is an id.
var geminiCLI = speaker{
	name:   "gemini-cli",
	scopes: []string{"gemini-cli "},
	also: []binding{
		{key: "gen_ai.operation.name", take: operationIn(map[string]genai.Operation{
			"llm_call": genai.OpGenerateContent, "tool_call": genai.OpExecuteTool, "agent_call": genai.OpInvokeAgent,
		})},
	},
	log:    readPromptRecord("gemini_cli.user_prompt", "gemini_cli.api_response"),
	settle: func(d *genai.Span, _ *reading) { inferProvider(d) },
}

// takePromptName leaves Gemini CLI's <session>########<n>, which names no managed prompt.
func takePromptName(r *reading, k key, v wire.Value) bool {
	return !strings.Contains(text(v.Str()), "########") && promptName(r, k, v)
}
