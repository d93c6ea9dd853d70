package dialect

import (
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// mcp reads the Model Context Protocol, whose conventions are OpenTelemetry's: a call of a tool executes it. Other
// methods (tools/list, initialize) do nothing that an operation stands for.
var mcp = speaker{
	name: "mcp",
	own: []binding{
		{key: "mcp.method.name", take: takeMCPMethod},
		{key: "mcp.session.id", take: leave}, // of the connection, not of a conversation
		{key: "mcp.protocol.version", take: leave},
		{key: "mcp.resource.uri", take: leave},
		{key: "mcp.tool.name", take: toolName},
		{key: "mcp.request.argument", take: takeToolArguments},
	},
	settle: func(d *genai.Span, _ *reading) {
		if name, ok := strings.CutPrefix(d.Name, "tools/call "); ok && d.Operation == genai.OpExecuteTool && d.Tool.Name == "" {
			d.Tool.Name = name
		}
	},
}

func takeMCPMethod(r *reading, k key, v wire.Value) bool {
	if s, _ := r.str(k, v); s == "tools/call" {
		r.operation(genai.OpExecuteTool)
	}
	return false
}
