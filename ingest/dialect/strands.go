package dialect

import (
	"slices"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// strands reads the Strands Agents SDK in Python and TypeScript. Its attributes are OpenTelemetry's,
// which otelGenAI reads, its messages are events, of which there are two generations: one event a message
// with its fields as attributes, and several operation.details of a span, each with one of system, input
// and output.
//
// The SDK calls itself the provider. Its counts are those of the provider's API under the names of two
// generations at once.
var strands = speaker{
	name:   "strands",
	scopes: []string{"strands-agents ", "strands.telemetry.tracer"},
	own: []binding{
		{key: "event_loop.cycle_id", take: leave},
		{key: "agent_loop.cycle_id", take: leave},
		{key: "gen_ai.event.start_time", take: leave}, // on every span; nobody else sends it
		{key: "gen_ai.event.end_time", take: leave},
	},
	also: []binding{
		{key: "system_prompt", take: takeSystem},
		{key: "gen_ai.tool.status", take: takeToolStatus},
		{key: serverTTFT, take: takeMilliseconds},
	},
	log:    readAgentCoreRecord,
	settle: settleStrands,
}

// leave is for what is evidence alone: it stays an attribute.
func leave(*reading, key, wire.Value) bool { return false }

// takeToolStatus reads whether a tool failed; the status of the span does not say it.
func takeToolStatus(r *reading, k key, v wire.Value) bool {
	s, ok := r.str(k, v)
	if s == "error" && r.dst.Error.Type == "" {
		r.dst.Error.Type = "tool_error"
	}
	return ok && s == "success"
}

// settleStrands: a cycle of the loop names no operation. Of Claude, Anthropic's and Bedrock's APIs, whose
// counts the SDK hands on, leave out of the input what the cache served; gateways, whose model ids have a
// path, do not.
func settleStrands(d *genai.Span, r *reading) {
	if d.Operation == "" && hasAttribute(d, "event_loop.cycle_id", "agent_loop.cycle_id") {
		d.Operation = genai.OpTask
	}
	if m := d.RequestModel; strings.Contains(m, "claude") && (!strings.Contains(m, "/") || strings.HasPrefix(m, "arn:")) {
		r.cachedOutside = true
	}
}

// hasAttribute says whether one of the keys stayed an attribute.
func hasAttribute(d *genai.Span, keys ...string) bool {
	for i := range d.Attributes {
		if slices.Contains(keys, d.Attributes[i].Key) {
			return true
		}
	}
	return false
}

// readAgentCoreRecord reads what AWS' distribution makes of the events of a Strands span: a record
// {input: {messages}, output: {messages}}, named after the scope, whose contents are the events' attributes:
// content, or message and finish_reason, with blocks as JSON.
func readAgentCoreRecord(r *reading, l *wire.LogRecord) bool {
	d := r.dst
	if !strings.HasPrefix(d.Name, "strands.") || !r.readConversation(l.Body) {
		return false
	}
	for _, ms := range [][]genai.Message{d.Input, d.Output} {
		for i := range ms {
			openEvent(&ms[i])
		}
	}
	return true
}

// openEvent reads the attributes of an event, or blocks, that are a message's only part.
func openEvent(m *genai.Message) {
	if len(m.Parts) != 1 {
		return
	}
	s := m.Parts[0].Content
	if raw := m.Parts[0].Raw; raw != "" && m.Parts[0].Type == "" {
		raw.Members(func(name string, v genai.JSON) {
			switch name {
			case "content", "message":
				s = v.Text()
			case "finish_reason":
				m.FinishReason = genai.ParseFinishReason(v.Text())
			case "role":
				m.Role = genai.ParseRole(v.Text())
			}
		})
	} else if !strings.HasPrefix(s, "[{") {
		return
	}
	if s == "" {
		return
	}
	if parts, code := genai.ParseParts(nil, s); code == "" {
		m.Parts, m.Encoded = parts, ""
		if len(parts) > 0 && parts[0].Type == genai.PartToolCallResponse {
			m.Role = genai.RoleTool
		}
	}
}
