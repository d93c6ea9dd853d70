package analyzers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

func lines(list []analyzers.Text) (out []string) {
	for _, t := range list {
		out = append(out, fmt.Sprintf("%d %s[%d][%d] %d %s %q", t.SpanID[7], t.Field, t.Index, t.Part, t.Origin, t.Name, t.Content))
	}
	return out
}

// TestTextsOfATrace: what a model was given is its own input and what the trace fetched before it answered, each once.
func TestTextsOfATrace(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }
	text := func(s string) genai.Part { return genai.Part{Type: genai.PartText, Content: s} }
	call := genai.Span{
		SpanID: genai.SpanID{7: 1}, Operation: genai.OpChat, Start: at(4), End: at(6),
		System: []genai.Part{text("be brief")},
		Input: []genai.Message{
			{Role: genai.RoleUser, Parts: []genai.Part{text("where?"), {Type: genai.PartDocument, Content: "a file"}, {Type: genai.PartBlob, Content: "AAAA"}}},
			{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartToolCall, Name: "find", Arguments: `{"what":"jam"}`}}},
			{Role: genai.RoleTool, Parts: []genai.Part{{Type: genai.PartToolCallResponse, Response: `"in the larder"`}}},
			{Role: "developer", Parts: []genai.Part{text("be kind")}},
		},
		Output: []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{
			{Type: genai.PartReasoning, Content: "hm"}, text("here"), {Type: genai.PartRefusal, Content: "no"}, text(""),
		}}},
	}
	call.Output[0].Parts = append(call.Output[0].Parts, text("cut \xe2\x82 off"))
	search := genai.Span{SpanID: genai.SpanID{7: 2}, Operation: genai.OpRetrieval, Start: at(1), End: at(2)}
	search.Retrieval.Documents = []genai.Document{{ID: "d1", Content: "jam is sweet"}, {ID: "d2", Content: "a file"}, {ID: "d3"}}
	tool := genai.Span{SpanID: genai.SpanID{7: 3}, Operation: genai.OpExecuteTool, Start: at(2), End: at(3)}
	tool.Tool = genai.ToolExecution{Name: "find", Result: `"in the larder"`}
	late := genai.Span{SpanID: genai.SpanID{7: 4}, Operation: genai.OpRetrieval, Start: at(5), End: at(7)}
	late.Retrieval.Documents = []genai.Document{{Content: "too late"}}
	in := analyzers.Input{Span: &call, Trace: []genai.Span{search, tool, call, late}}

	given := analyzers.Given(nil, &in)
	if diff := cmp.Diff([]string{
		`1 system[0][0] 0  "be brief"`,
		`1 input[0][0] 1  "where?"`,
		`1 input[0][1] 3  "a file"`,
		`1 input[1][0] 5 find "{\"what\":\"jam\"}"`,
		`1 input[2][0] 4  "in the larder"`,
		`1 input[3][0] 0  "be kind"`,
		`2 documents[0][0] 3 d1 "jam is sweet"`,
	}, lines(given)); diff != "" {
		t.Errorf("given (-want +got):\n%s", diff)
	}
	if i := analyzers.Prompt(given); i != 1 {
		t.Errorf("the question is text %d, want 1", i)
	}
	if diff := cmp.Diff([]string{`1 output[0][0] 8  "hm"`, `1 output[0][1] 6  "here"`, `1 output[0][2] 7  "no"`, `1 output[0][4] 6  "cut � off"`}, lines(analyzers.Said(nil, &call))); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// TestPassagesAreCutAtCharacters: a long passage keeps its offsets and quotes its beginning.
func TestPassagesAreCutAtCharacters(t *testing.T) {
	t.Parallel()
	text := analyzers.Text{Content: "x" + strings.Repeat("é", analyzers.MaxQuote)}
	p := text.Passage(0, len(text.Content))
	if p.End != len(text.Content) || p.Quote != "x"+strings.Repeat("é", (analyzers.MaxQuote-1)/2) {
		t.Errorf("passage [%d, %d) quotes %d bytes: %q", p.Start, p.End, len(p.Quote), p.Quote[len(p.Quote)-4:])
	}
}
