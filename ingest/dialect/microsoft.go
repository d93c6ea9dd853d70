package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// microsoftAI reads Microsoft's Semantic Kernel, Microsoft.Extensions.AI and Agent Framework. Their keys and
// events are OpenTelemetry's, which otelGenAI reads, the body of an event as gen_ai.event.content or field by
// field; what differs is here.
var microsoftAI = speaker{
	name:   "microsoft-ai",
	scopes: []string{"Microsoft.SemanticKernel", "Microsoft.Extensions.AI", "Experimental.Microsoft.Extensions.AI", "Experimental.Microsoft.Agents", "agent_framework"},
	also: []binding{
		{key: "gen_ai.operation.name", take: operationIn(map[string]genai.Operation{
			"chat.completions": genai.OpChat, "text.completions": genai.OpTextCompletion,
		})},
	},
	settle: func(d *genai.Span, _ *reading) {
		if d.Operation == "" && d.ResponseModel != "" && len(d.Output) > 0 {
			d.Operation = genai.OpChat // Semantic Kernel 1.55
		}
		if d.Agent.Name == d.Agent.ID {
			d.Agent.Name = "" // an agent that nobody named
		}
	},
}

// operationIn reads the operation by the dialect's own names; other names it leaves to the others.
func operationIn(names map[string]genai.Operation) taker {
	return func(r *reading, k key, v wire.Value) bool {
		s, ok := r.str(k, v)
		op, known := names[s]
		if !known {
			return ok && s == ""
		}
		return r.operation(op)
	}
}
