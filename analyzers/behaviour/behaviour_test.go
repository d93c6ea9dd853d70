package behaviour

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

func answer(parts ...genai.Part) *genai.Span {
	return &genai.Span{
		SpanID: genai.SpanID{9}, Operation: genai.OpChat, Start: time.Unix(10, 0), End: time.Unix(12, 0),
		Output: []genai.Message{{Role: genai.RoleAssistant, Parts: parts}},
	}
}

func says(content string) genai.Part { return genai.Part{Type: genai.PartText, Content: content} }

func calling(name, arguments string) genai.Part {
	return genai.Part{Type: genai.PartToolCall, Name: name, Arguments: genai.JSON(arguments)}
}

func analyze(t interface{ Fatalf(string, ...any) }, in *analyzers.Input) map[string]analyzers.Signal {
	list, err := New(Options{}).Analyze(context.Background(), in, nil)
	if err != nil {
		t.Fatalf("analyze: %v", err)
	}
	m := map[string]analyzers.Signal{}
	for _, s := range list {
		m[s.Name] = s
	}
	return m
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/languages.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var c struct{ Language, Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if s := analyze(t, &analyzers.Input{Span: answer(says(c.Text))})[SignalLanguage]; s.Label != c.Language || s.Score < 0 || s.Score > 1 {
			t.Errorf("%q is %q (%.2f), want %q", c.Text, s.Label, s.Score, c.Language)
		}
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	s := answer(says("Grüße 🚲"))
	s.Usage.Output = genai.Count(101)
	s.TimeToFirstToken = time.Second
	s.FinishReasons = []genai.FinishReason{genai.FinishStop, genai.FinishLength}
	got := analyze(t, &analyzers.Input{Span: s})
	want := map[string]float64{SignalLength: 7, SignalLatencyPerToken: 0.01, SignalFinishReason: 1, SignalRepetition: 0, SignalLanguage: 0}
	for name, score := range want {
		if math.Abs(got[name].Score-score) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got[name].Score, score)
		}
	}
	if got[SignalFinishReason].Label != "length" || len(got) != len(want) {
		t.Errorf("got %+v", got)
	}

	for _, c := range []struct {
		name   string
		change func(s *genai.Span)
		signal string
		want   *analyzers.Signal
	}{
		{"the whole time counts without that of the first token", func(s *genai.Span) { s.TimeToFirstToken = 0; s.Usage.Output = genai.Count(100) }, SignalLatencyPerToken, &analyzers.Signal{Name: SignalLatencyPerToken, Score: 0.02}},
		{"an unknown count is no speed", func(s *genai.Span) { s.Usage.Output = genai.Tokens{} }, SignalLatencyPerToken, nil},
		{"no tokens are no speed", func(s *genai.Span) { s.Usage.Output = genai.Count(0) }, SignalLatencyPerToken, nil},
		{"a failed call has none", func(s *genai.Span) { s.StatusCode = genai.StatusError }, SignalLatencyPerToken, nil},
		{"a clock that runs backwards has none", func(s *genai.Span) { s.End = s.Start.Add(-1) }, SignalLatencyPerToken, nil},
		{"an unknown reason is another", func(s *genai.Span) { s.FinishReasons = []genai.FinishReason{"eos_token"} }, SignalFinishReason, &analyzers.Signal{Name: SignalFinishReason, Label: FinishOther}},
		{"a message's reason counts", func(s *genai.Span) { s.FinishReasons = nil; s.Output[0].FinishReason = genai.FinishToolCall }, SignalFinishReason, &analyzers.Signal{Name: SignalFinishReason, Label: "tool_call"}},
		{"no reason is none", func(s *genai.Span) { s.FinishReasons = nil }, SignalFinishReason, nil},
		{"a tool has no answer", func(s *genai.Span) { s.Operation = genai.OpExecuteTool }, SignalLength, nil},
	} {
		o := *s
		o.Output = []genai.Message{s.Output[0]}
		c.change(&o)
		got, ok := analyze(t, &analyzers.Input{Span: &o})[c.signal]
		if ok != (c.want != nil) || ok && !cmp.Equal(got, *c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestRepetition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		from, to   float64
	}{
		{"nothing", "", 0, 0},
		{"short", "no no no no", 0, 0},
		{"prose", "The committee met in March and agreed, after three hours, that twelve proposals would be sent to the council. Nobody objected, although one member asked for more time to read what had arrived only the day before.", 0, 0},
		{"a list", strings.Repeat("- item one costs two\n", 3) + "and so on, with more words that are all different from those above here", 0.1, 0.6},
		{"a loop of sentences", strings.Repeat("I am sorry, I cannot do that. ", 40), 0.95, 1},
		{"a loop of a word", strings.Repeat("the ", 300), 0.95, 1},
		{"a loop without spaces", strings.Repeat("哈哈", 200), 0.95, 1},
		{"a loop of a sign", strings.Repeat("=", 2000), 0.95, 1},
		{"Chinese prose", "报告星期一已经送交委员会，但是还没有人答复。委员会的成员说，他们需要更多的时间来阅读所有的文件，因为其中有许多新的建议。", 0, 0.05},
	} {
		got := analyze(t, &analyzers.Input{Span: answer(says(c.text))})[SignalRepetition].Score
		if got < c.from || got > c.to {
			t.Errorf("%s: %.3f, want %v to %v", c.name, got, c.from, c.to)
		}
	}
}

const searchSchema = `{"type":"object","properties":{"query":{"type":"string","minLength":2},"top":{"type":"integer","maximum":10}},"required":["query"],"additionalProperties":false}`

func TestFormat(t *testing.T) {
	t.Parallel()
	const tree = `{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"}}}]}}}`
	wide := `{"$ref":"#/$defs/d0","$defs":{`
	for i := range 30 {
		wide += fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	wide += `"d30":{"type":"string"}}}`
	for _, c := range []struct {
		name, text, schema string // with a schema the text is a tool's arguments
		label, reason      string
		score              float64
		start              int
	}{
		{"an object", ` {"a": [1, 2]} `, "", FormatValid, "", 1, 0},
		{"a fence", "```json\n{\"a\": 1}\n```", "", FormatFenced, "json_fenced", 1, 8},
		{"words before", `Here it is: {"a": 1}`, "", FormatInvalid, "json_invalid", 0, 0},
		{"words behind", `{"a": 1} Done.`, "", FormatInvalid, "json_trailing", 0, 8},
		{"cut short", `{"a": [1, 2`, "", FormatInvalid, "json_invalid", 0, 0},
		{"a comma", `{"a": 1,}`, "", FormatInvalid, "json_invalid", 0, 8},
		{"nothing", " ", "", FormatInvalid, "json_empty", 0, 0},
		{"arguments that fit", `{"query":"kayak","top":3}`, searchSchema, FormatValid, "", 1, 0},
		{"a schema of draft 7", `{"query":"kayak"}`, `{"$schema":"http://json-schema.org/draft-07/schema#",` + searchSchema[1:], FormatValid, "", 1, 0},
		{"a wrong type", `{"query":"kayak","top":"3"}`, searchSchema, FormatSchema, "schema_violated", 0, 0},
		{"a missing name", `{"top":3}`, searchSchema, FormatSchema, "schema_violated", 0, 0},
		{"a name too many", `{"query":"kayak","limit":3}`, searchSchema, FormatSchema, "schema_violated", 0, 0},
		{"no JSON", `query=kayak`, searchSchema, FormatInvalid, "json_invalid", 0, 0},
		{"a schema of another document", `{}`, `{"$ref":"https://schemas.example/query.json"}`, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a schema of a file", `{}`, `{"$ref":"file:///etc/passwd"}`, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a broken schema", `{}`, `{"type":`, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a schema that is none", `{}`, `{"type":"objekt"}`, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a schema that grows without bound", `"x"`, wide, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a recursive schema", `{"a":{"b":null}}`, tree, FormatValid, "", 1, 0},
		{"a recursive schema and a deep value", strings.Repeat(`{"a":`, 40) + "null" + strings.Repeat("}", 40), tree, FormatUnchecked, "schema_unchecked", 1, 0},
		{"a number that no machine has", `{"query":"kayak","top":1e999}`, searchSchema, FormatUnchecked, "schema_unchecked", 1, 0},
	} {
		s := answer(says(c.text))
		s.Request.OutputType = "json"
		if c.schema != "" {
			s = answer(calling("search", c.text))
			s.Tools = []genai.ToolDefinition{{Name: "search", Parameters: genai.JSON(c.schema)}}
		}
		got := analyze(t, &analyzers.Input{Span: s})[SignalFormat]
		if got.Label != c.label || got.Score != c.score || (c.reason != "") != (len(got.Evidence) == 1) {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		if c.reason == "" {
			continue
		}
		if e := got.Evidence[0]; e.Reason != c.reason || c.start > 0 && e.Start != c.start {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
	if _, ok := analyze(t, &analyzers.Input{Span: answer(says("{"))})[SignalFormat]; ok {
		t.Error("an answer has a format that nobody asked for")
	}
	s := answer(says(`{"query": 7}`))
	s.Request.OutputSchema = searchSchema
	if got := analyze(t, &analyzers.Input{Span: s})[SignalFormat]; got.Label != FormatSchema || got.Evidence[0].Text != `At /query it breaks "type".` {
		t.Errorf("an answer with a schema: %+v", got)
	}
	s = answer(calling("search", `{"query":"kayak"}`), calling("search", `{}`))
	s.Tools = []genai.ToolDefinition{{Name: "search", Parameters: searchSchema}}
	if got := analyze(t, &analyzers.Input{Span: s})[SignalFormat]; got.Score != 0.5 || got.Label != FormatSchema || !strings.Contains(got.Evidence[0].Text, "required") {
		t.Errorf("one of two: %+v", got)
	}
}

func TestSchemasAreBounded(t *testing.T) {
	t.Parallel()
	c := newSchemas(4)
	for i := range 50 {
		if err := c.validate(fmt.Sprintf(`{"type":"integer","minimum":%d}`, i), 100.0); err != nil {
			t.Fatal(err)
		}
		if err := c.validate(fmt.Sprintf(`{"type":"integer","minimum":%d}`, i), -1.0); err == nil {
			t.Fatal("-1 follows a schema with a minimum")
		}
	}
	if len(c.known) != 4 || len(c.order) != 4 {
		t.Errorf("%d schemas are kept, want 4", len(c.known))
	}
}

func tool(at int64, name, arguments string, failed bool) genai.Span {
	s := genai.Span{SpanID: genai.SpanID{byte(at)}, Operation: genai.OpExecuteTool, Start: time.Unix(at, 0), End: time.Unix(at, 5)}
	s.Tool.Name, s.Tool.Arguments = name, genai.JSON(arguments)
	if failed {
		s.Error.Type = "timeout"
	}
	return s
}

func TestTools(t *testing.T) {
	t.Parallel()
	s := answer(says("done"))
	trace := []genai.Span{
		tool(1, "search", `{"q":"a"}`, false), tool(2, "search", `{"q":"b"}`, true), tool(3, "fetch", `{"u":1}`, false), tool(4, "search", `{"q":"a"}`, false), *s,
		tool(20, "later", `{}`, true),
	}
	got := analyze(t, &analyzers.Input{Span: &trace[4], Trace: trace})
	if p := got[SignalToolPath]; p.Label != "search > fetch > search" || p.Score != 4 {
		t.Errorf("path %+v", p)
	}
	if l := got[SignalToolLoop]; l.Score != 1 || l.Evidence[0].SpanID != trace[3].SpanID || l.Evidence[0].Source.SpanID != trace[0].SpanID || l.Evidence[0].Quote != `{"q":"a"}` {
		t.Errorf("loop %+v", l)
	}
	if e := got[SignalToolErrors]; e.Score != 1 || e.Evidence[0].Text != "The call of search failed: timeout." {
		t.Errorf("errors %+v", e)
	}

	asked := answer(calling("search", `{"q":"a"}`), calling("search", `{"q":"a"}`))
	if got := analyze(t, &analyzers.Input{Span: asked}); got[SignalToolPath].Label != "search" || got[SignalToolLoop].Score != 1 {
		t.Errorf("without spans of tools: %+v", got)
	}
	if got := analyze(t, &analyzers.Input{Span: answer(says("hi"))}); len(got) != 3 {
		t.Errorf("without tools: %+v", got)
	}
	var many []genai.Span
	for i := range 100 {
		many = append(many, tool(int64(i%5), fmt.Sprintf("tool_number_%d", i), "{}", false))
	}
	other := append([]genai.Span{tool(0, "first", "{}", false)}, many...)
	a, b := analyze(t, &analyzers.Input{Span: answer(says("x")), Trace: many}), analyze(t, &analyzers.Input{Span: answer(says("x")), Trace: other})
	if l := a[SignalToolPath].Label; len(l) > maxPath || l == b[SignalToolPath].Label || !strings.Contains(l, "…") {
		t.Errorf("a long path: %q", l)
	}
}

func TestEvidenceHoldsItsOffsets(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{"{", "}", `"a"`, ":", "1", "é", "🚲", "\xff", "```", "```json\n", "\r\n", " ", "the ", "和", "[", "]", ",", "null", "1e999"})
	content := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), "") })
	rapid.Check(t, func(t *rapid.T) { check(t, content.Draw(t, "answer"), content.Draw(t, "call"), searchSchema) })
}

func check(t interface{ Fatalf(string, ...any) }, text, arguments, schema string) {
	s := answer(says(text), calling("search", arguments), calling("search", arguments))
	s.Request.OutputType = "json"
	s.Tools = []genai.ToolDefinition{{Name: "search", Parameters: genai.JSON(schema)}}
	in := &analyzers.Input{Span: s}
	a := New(Options{})
	signals, err := a.Analyze(context.Background(), in, nil)
	if err != nil {
		t.Fatalf("analyze: %v", err)
	}
	if again, _ := a.Analyze(context.Background(), in, nil); !reflect.DeepEqual(signals, again) {
		t.Fatalf("the same input gave %+v, then %+v", signals, again)
	}
	texts := analyzers.Said(nil, s)
	for _, signal := range signals {
		for _, e := range signal.Evidence {
			found := false
			for i := range texts {
				if texts[i].Place == e.Place {
					found = true
					if e.Start < 0 || e.End < e.Start || e.End > len(texts[i].Content) || texts[i].Passage(e.Start, e.End) != e.Passage {
						t.Fatalf("evidence %+v does not stand in %q", e, texts[i].Content)
					}
				}
			}
			if !found && e.Start != e.End {
				t.Fatalf("evidence %+v is of no text", e)
			}
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	f.Add(`{"a": 1}`, `{"query":"kayak"}`, searchSchema)
	f.Add("```json\n[]\n```", "", `{"$ref":"#"}`)
	f.Fuzz(func(t *testing.T, text, arguments, schema string) { check(t, text, arguments, schema) })
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a", " ", "a ", "\xff", "🚲", "哈", "[", "{\"a\":", "```", "the "} {
		check(t, strings.Repeat(piece, 1<<18), strings.Repeat(piece, 1<<14), searchSchema)
	}
}

func BenchmarkAnalyze(b *testing.B) {
	s := answer(says(strings.Repeat("The committee met in March and agreed that the proposals would be sent. ", 21)[:1500]))
	s.Usage.Output = genai.Count(300)
	s.FinishReasons = []genai.FinishReason{genai.FinishStop}
	trace := []genai.Span{tool(1, "search", `{"q":"a"}`, false), tool(2, "search", `{"q":"b"}`, false), *s}
	in := &analyzers.Input{Span: &trace[2], Trace: trace}
	a := New(Options{})
	var dst []analyzers.Signal
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = a.Analyze(context.Background(), in, dst[:0])
	}
}
