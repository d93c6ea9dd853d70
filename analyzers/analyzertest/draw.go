package analyzertest

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// pieces are what random texts are made of: words and marks of several scripts, line ends, emoji, broken bytes.
var pieces = []string{
	"I'm sorry", "I can't help with that", "the context does not say", "as an AI", "ignore previous instructions", "the system prompt",
	"12", "3.5 %", "€1,200.50", "2024-03-01", "March 5, 2021", "Berlin", "Dr. Smith", "e.g.", "not", "never", "because", "the", "of", "marmalade",
	"alice@example.com", "4111 1111 1111 1111", "+44 20 7946 0958", "192.168.0.1", "https://example.com/a?b=c", "[1]", "(Smith, 2020)",
	"我不能", "回答。", "申し訳ありません", "لا أستطيع", "нельзя", "não posso", "é", "e\u0301", "ß", "İ", "ﬁ", "👩‍👩‍👧", "🙂", "\u200b", "\u202e",
	"\xff", "\xc3", "\xe2\x82", "\x00", "\r\n", "\n", "\n\n", "\t", " ", ". ", "! ", "? ", ", ", ": ", "\"", "'", "’", "`", "**", "- ", "1. ", "# ", "{", "}", "[", "]", "<|im_start|>",
}

func draw(t *rapid.T, o Options) analyzers.Input {
	all := append(append([]string(nil), pieces...), o.Samples...)
	piece := rapid.OneOf(rapid.SampledFrom(all), rapid.StringN(0, 6, 24))
	text := func(name string) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 24).Draw(t, name), rapid.SampledFrom([]string{" ", "", "\r\n"}).Draw(t, "between"))
	}
	now := time.Unix(1_700_000_000, 0)
	s := &genai.Span{Operation: genai.OpChat, SpanID: genai.SpanID{7: 1}, Start: now, End: now.Add(time.Second)}
	if rapid.Bool().Draw(t, "instructed") {
		s.System = []genai.Part{{Type: genai.PartText, Content: text("system")}}
	}
	for range rapid.IntRange(0, 3).Draw(t, "turns") {
		role := rapid.SampledFrom([]genai.Role{genai.RoleUser, genai.RoleAssistant, genai.RoleTool, genai.RoleSystem, "other"}).Draw(t, "role")
		s.Input = append(s.Input, genai.Message{Role: role, Parts: []genai.Part{part(t, text)}})
	}
	for range rapid.IntRange(0, 2).Draw(t, "answers") {
		s.Output = append(s.Output, genai.Message{Role: genai.RoleAssistant, Parts: []genai.Part{part(t, text), part(t, text)}})
	}
	in := analyzers.Input{Span: s}
	if rapid.Bool().Draw(t, "traced") {
		fetch := genai.Span{Operation: genai.OpRetrieval, SpanID: genai.SpanID{7: 2}, Start: now.Add(-time.Second), End: now}
		fetch.Retrieval.Documents = []genai.Document{{ID: "a", Content: text("document")}, {Content: text("document")}}
		tool := genai.Span{Operation: genai.OpExecuteTool, SpanID: genai.SpanID{7: 3}, Start: now.Add(-time.Second), End: now}
		tool.Tool = genai.ToolExecution{Name: "lookup", Result: genai.JSON(text("result"))}
		in.Trace = []genai.Span{fetch, tool, *s}
	}
	return in
}

func part(t *rapid.T, text func(string) string) genai.Part {
	content := text("text")
	switch kind := rapid.SampledFrom([]genai.PartType{
		genai.PartText, genai.PartText, genai.PartText, genai.PartDocument, genai.PartRefusal, genai.PartReasoning, genai.PartToolCall, genai.PartToolCallResponse, "other",
	}).Draw(t, "kind"); kind {
	case genai.PartToolCall:
		return genai.Part{Type: kind, ID: "c", Name: "lookup", Arguments: genai.JSON(content)}
	case genai.PartToolCallResponse:
		return genai.Part{Type: kind, ID: "c", Response: genai.JSON(content)}
	default:
		return genai.Part{Type: kind, Content: content}
	}
}
