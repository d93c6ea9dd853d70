package analyzers

// Which texts a span and its trace hold, who said them, and where they stand: so that every detector means the same by "the
// answer" and by "what the model was given".

import (
	"slices"
	"strings"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Origin is who or what a text came from. It decides how far a text is to be trusted, and as what it counts.
type Origin uint8

// The origins of texts.
const (
	Instructions Origin = iota // of the operator: system instructions
	User                       // said by the user
	Earlier                    // said by the model in an earlier turn
	Document                   // retrieved
	ToolResult                 // given by a tool
	ToolCall                   // arguments that the model gave to a tool
	Answer                     // said by the model in this span
	Refused                    // a part that the provider itself calls a refusal
	Reasoning                  // thought by the model in this span
)

// Text is one text with its place, in valid UTF-8.
type Text struct {
	Place
	Origin  Origin
	Name    string // of the tool, document or speaker, where there is one
	Content string
}

// Passage is the part [start, end) of a text.
func (t *Text) Passage(start, end int) Passage {
	return Passage{Place: t.Place, Start: start, End: end, Quote: cut(t.Content[start:end])}
}

// cut shortens s to MaxQuote bytes at most, at the beginning of a character.
func cut(s string) string {
	if len(s) <= MaxQuote {
		return s
	}
	end := MaxQuote
	for end > MaxQuote-4 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end]
}

// Said appends what the model said in a span: texts, refusals, reasoning and the arguments of tool calls, in order.
func Said(dst []Text, s *genai.Span) []Text {
	for i := range s.Output {
		dst = appendMessage(dst, s, FieldOutput, i, &s.Output[i])
	}
	return dst
}

// Given appends what the model was given before it answered, as far as the trace tells: its instructions, the conversation, then
// what the trace's retrievals and tools gave before the span ended and the conversation does not repeat.
func Given(dst []Text, in *Input) []Text {
	s := in.Span
	for i := range s.System {
		dst = appendPart(dst, Place{s.SpanID, FieldSystem, 0, i}, Instructions, "", &s.System[i])
	}
	for i := range s.Input {
		dst = appendMessage(dst, s, FieldInput, i, &s.Input[i])
	}
	first := len(dst)
	for i := range in.Trace {
		o := &in.Trace[i]
		if o.SpanID == s.SpanID || o.Start.After(s.End) || o.End.After(s.End) {
			continue
		}
		dst = appendSource(dst, dst[:first], o)
	}
	return dst
}

// appendSource appends what a retrieval or tool gave, but for texts that are known.
func appendSource(dst, known []Text, o *genai.Span) []Text {
	for i := range o.Retrieval.Documents {
		d := &o.Retrieval.Documents[i]
		if text := Valid(d.Content); text != "" && !holds(known, text) {
			dst = append(dst, Text{Place{o.SpanID, FieldDocument, i, 0}, Document, d.ID, text})
		}
	}
	if o.Operation != genai.OpExecuteTool {
		return dst
	}
	if text := Valid(plain(o.Tool.Result)); text != "" && !holds(known, text) {
		dst = append(dst, Text{Place{o.SpanID, FieldResult, 0, 0}, ToolResult, o.Tool.Name, text})
	}
	return dst
}

func holds(known []Text, content string) bool {
	for i := range known {
		if known[i].Content == content {
			return true
		}
	}
	return false
}

func appendMessage(dst []Text, s *genai.Span, field Field, index int, m *genai.Message) []Text {
	origin := User
	switch m.Role {
	case genai.RoleSystem, "developer":
		origin = Instructions
	case genai.RoleAssistant:
		origin = Earlier
	case genai.RoleTool:
		origin = ToolResult
	}
	if field == FieldOutput {
		origin = Answer
	}
	for p := range m.Parts {
		dst = appendPart(dst, Place{s.SpanID, field, index, p}, origin, m.Name, &m.Parts[p])
	}
	return dst
}

func appendPart(dst []Text, at Place, origin Origin, name string, p *genai.Part) []Text {
	content := p.Content
	switch p.Type {
	case genai.PartText, genai.PartCompaction:
	case genai.PartRefusal:
		origin = Refused
	case genai.PartReasoning:
		origin = Reasoning
	case genai.PartDocument:
		origin = Document
	case genai.PartToolCall, genai.PartServerToolCall:
		origin, name, content = ToolCall, p.Name, string(p.Arguments)
	case genai.PartToolCallResponse, genai.PartServerToolResult:
		origin, name, content = ToolResult, p.Name, plain(p.Response)
	default:
		return dst
	}
	if content == "" {
		return dst
	}
	return append(dst, Text{at, origin, name, Valid(content)})
}

// Valid makes a text what people are shown of it, so that offsets count in what they see: each run of bytes that are no UTF-8 is
// U+FFFD. Whoever makes a Text of a span's field needs it; Said and Given have done so.
func Valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// plain is what a tool said: the text of a JSON string, which may hold an object or array, or else the JSON.
func plain(j genai.JSON) string {
	if inner := j.Unwrap(); inner != j || j.Begins() != '"' {
		return string(inner)
	}
	return j.Text()
}

// Prompt is the index in texts of what the user asked last, or -1.
func Prompt(texts []Text) int {
	for i := range slices.Backward(texts) {
		if texts[i].Origin == User {
			return i
		}
	}
	return -1
}
