package leakage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// example is one line of testdata/cases.jsonl.
type example struct {
	Name, Why, System, User, Answer, Call string
	ToolResult                            string `json:"tool_result"`
	Documents, Earlier                    []string
	Want                                  map[string]string // signal → label, or a national number's kind
}

func textMessage(role genai.Role, content string) genai.Message {
	return genai.Message{Role: role, Parts: []genai.Part{{Type: genai.PartText, Content: content}}}
}

func (e *example) input() *analyzers.Input {
	s := genai.Span{SpanID: genai.SpanID{1}, Operation: genai.OpChat, Start: time.Unix(10, 0), End: time.Unix(12, 0)}
	if e.System != "" {
		s.System = []genai.Part{{Type: genai.PartText, Content: e.System}}
	}
	for i, m := range e.Earlier {
		s.Input = append(s.Input, textMessage([]genai.Role{genai.RoleUser, genai.RoleAssistant}[i%2], m))
	}
	s.Input = append(s.Input, textMessage(genai.RoleUser, e.User))
	if e.Answer != "" {
		s.Output = []genai.Message{textMessage(genai.RoleAssistant, e.Answer)}
	}
	if e.Call != "" {
		s.Output = append(s.Output, genai.Message{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartToolCall, Name: "lookup", Arguments: genai.JSON(e.Call)}}})
	}
	in := &analyzers.Input{Span: &s}
	if len(e.Documents) > 0 {
		r := genai.Span{SpanID: genai.SpanID{2}, Operation: genai.OpRetrieval, Start: time.Unix(8, 0), End: time.Unix(9, 0)}
		for _, d := range e.Documents {
			r.Retrieval.Documents = append(r.Retrieval.Documents, genai.Document{Content: d})
		}
		in.Trace = []genai.Span{r, s}
		in.Span = &in.Trace[1]
	}
	return in
}

func examples(t testing.TB) (list []example) {
	b, err := os.ReadFile("testdata/cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var e example
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("read case %d: %v", len(list)+1, err)
		}
		list = append(list, e)
	}
	return list
}

func analyze(t rapidOrTest, in *analyzers.Input) map[string]analyzers.Signal {
	signals, err := New(Options{}).Analyze(context.Background(), in, nil)
	if err != nil {
		t.Fatalf("analyze: %v", err)
	}
	m := map[string]analyzers.Signal{}
	for _, s := range signals {
		m[s.Name] = s
	}
	return m
}

type rapidOrTest interface{ Fatalf(string, ...any) }

func TestCases(t *testing.T) {
	t.Parallel()
	for _, e := range examples(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			got := analyze(t, e.input())
			for name, want := range e.Want {
				label := Kind(want).Label()
				switch want {
				case LabelNone, LabelEcho, LabelLeaked:
					label = want
				}
				if s, ok := got[name]; !ok || s.Label != label {
					t.Errorf("%s: label %q, score %.2f, evidence %+v; want %q because %s", name, s.Label, s.Score, s.Evidence, label, e.Why)
				}
			}
		})
	}
}

// A tool's span is judged by what the user said in the call before it.
func TestToolSpans(t *testing.T) {
	t.Parallel()
	ask := genai.Span{SpanID: genai.SpanID{1}, Operation: genai.OpChat, Start: time.Unix(1, 0), End: time.Unix(2, 0)}
	ask.Input = []genai.Message{textMessage(genai.RoleUser, "Mail it to jan@vermeulen.be")}
	tool := genai.Span{SpanID: genai.SpanID{2}, Operation: genai.OpExecuteTool, Start: time.Unix(3, 0), End: time.Unix(4, 0)}
	for arguments, label := range map[string]string{
		`{"to":"jan@vermeulen.be"}`: LabelEcho, `{"to":"jan@vermeulen.be","cc":"an@claes.be"}`: string(KindEmail), `{"to":"me"}`: LabelNone,
	} {
		tool.Tool.Name, tool.Tool.Arguments = "send", genai.JSON(arguments)
		trace := []genai.Span{ask, tool}
		got := analyze(t, &analyzers.Input{Span: &trace[1], Trace: trace})
		if got["leakage.tool"].Label != label || got[Name].Label != label || len(got) != 2 {
			t.Errorf("%s: %+v, want %s", arguments, got, label)
		}
		for _, e := range got[Name].Evidence {
			if e.Field != analyzers.FieldArguments || arguments[e.Start:e.End] != "jan@vermeulen.be" && arguments[e.Start:e.End] != "an@claes.be" {
				t.Errorf("%s: evidence %+v", arguments, e)
			}
		}
	}
	tool.Tool.Arguments = ""
	if got := analyze(t, &analyzers.Input{Span: &tool}); len(got) != 0 {
		t.Errorf("without arguments: %+v", got)
	}
}

func TestEchoCanBeReported(t *testing.T) {
	t.Parallel()
	e := example{User: "I am jan@vermeulen.be", Answer: "Dear jan@vermeulen.be"}
	signals, err := New(Options{Echo: true}).Analyze(context.Background(), e.input(), nil)
	if err != nil || signals[0].Label != string(KindEmail) || signals[0].Evidence[0].Source == nil {
		t.Errorf("%+v, %v", signals, err)
	}
}

// Evidence points at real text, at characters, and quotes it masked: with the same marks, and letters and digits that are
// the same or an asterisk.
func checkEvidence(t rapidOrTest, in *analyzers.Input, signals []analyzers.Signal) {
	texts := analyzers.Said(analyzers.Given(nil, in), in.Span)
	texts = append(texts, arguments(nil, in.Span)...)
	check := func(p analyzers.Passage) {
		for i := range texts {
			if texts[i].Place != p.Place {
				continue
			}
			if p.Start < 0 || p.End > len(texts[i].Content) || p.Start > p.End {
				t.Fatalf("passage %+v lies outside its text", p)
			}
			if !starts(texts[i].Content, p.Start) || !starts(texts[i].Content, p.End) {
				t.Fatalf("passage %+v begins or ends within a character", p)
			}
			if !hides(texts[i].Content[p.Start:p.End], p.Quote) {
				t.Fatalf("passage %+v quotes what does not stand there: %q", p, texts[i].Content[p.Start:p.End])
			}
			return
		}
		t.Fatalf("passage %+v is of no text", p)
	}
	for _, s := range signals {
		if s.Probability < 0 || s.Probability > 1 {
			t.Fatalf("%s: probability %v", s.Name, s.Probability)
		}
		if len(s.Evidence) > analyzers.MaxEvidence {
			t.Fatalf("%s: %d pieces of evidence", s.Name, len(s.Evidence))
		}
		for _, e := range s.Evidence {
			check(e.Passage)
			if e.Source != nil {
				check(*e.Source)
			}
		}
	}
}

func starts(s string, at int) bool {
	return at == len(s) || s[at]&0xC0 != 0x80 || !strings.Contains(s, string([]rune(s)))
}

func hides(text, quote string) bool {
	if len(quote) > analyzers.MaxQuote {
		return false
	}
	a, b := []rune(text), []rune(quote)
	if len(b) > len(a) {
		return false
	}
	for i := range b {
		if a[i] != b[i] && b[i] != '*' {
			return false
		}
	}
	return len(b) == len(a) || len(quote) > analyzers.MaxQuote-5
}

func TestEvidenceHoldsItsOffsets(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"4929 1872 3391 0020", "jan@vermeulen.be", "536-32-3065", "ghp_x7Kq2mVb9TzLw4RfYc8NdJ5hPs1GuEa3XoZi", "+32 473 92 18 64", "(510) 889-8690 x12",
		"BE71 0961 2345 6769", "8.8.4.4", "2a00:1450:4007::200e", "π", "🚲", "é", "\r\n", "\xff", "\xe2\x82", " ", ". ", "never discuss prices", "marzipan",
		"postgres://a:hV7wq2Lx@h.be", "key=", "@", "::", "(", "+", "1", "0473", "-", "RSSMRA85T10A562S", "电话", "13912345678",
	})
	text := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(piece, 0, 14).Draw(t, "pieces"), "") })
	rapid.Check(t, func(t *rapid.T) {
		e := example{System: text.Draw(t, "system"), User: text.Draw(t, "user"), Answer: text.Draw(t, "answer"), Call: text.Draw(t, "call")}
		in := e.input()
		signals, err := New(Options{}).Analyze(context.Background(), in, nil)
		if err != nil {
			t.Fatalf("analyze: %v", err)
		}
		checkEvidence(t, in, signals)
		again, _ := New(Options{}).Analyze(context.Background(), in, nil)
		if !reflect.DeepEqual(signals, again) {
			t.Fatalf("the same input gave %+v, then %+v", signals, again)
		}
	})
}

func TestFindingsAreInOrderAndApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([0-9A-Za-z@.:+()/ -]|4532867250822690|é|\+1 ){0,80}`).Draw(t, "text")
		last := 0
		for _, f := range Find(s) {
			if f.Start < last || f.End <= f.Start || f.End > len(s) {
				t.Fatalf("finding %+v of %q overlaps or is empty", f, s)
			}
			last = f.End
		}
	})
}

func FuzzAnalyze(f *testing.F) {
	for _, e := range examples(f) {
		f.Add(e.System, e.User, e.Answer, e.Call)
	}
	f.Fuzz(func(t *testing.T, system, user, answer, call string) {
		e := example{System: system, User: user, Answer: answer, Call: call}
		in := e.input()
		signals, err := New(Options{}).Analyze(context.Background(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkEvidence(t, in, signals)
	})
}

func BenchmarkAnalyze(b *testing.B) {
	instructions := examples(b)[0].System
	e := example{System: strings.Repeat(instructions+" ", 3), User: prose[:4000], Answer: prose[300:1800]}
	in := e.input()
	var dst []analyzers.Signal
	a := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = a.Analyze(context.Background(), in, dst[:0])
	}
}
