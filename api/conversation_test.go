package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
)

// The spans of these tests are written as a person would tell them: id, parent, operation, second of start and end.
func sp(id, parent byte, op genai.Operation, from, to int) genai.Span {
	s := genai.Span{SpanID: genai.SpanID{7: id}, Operation: op, Start: time.Unix(int64(from), 0).UTC(), End: time.Unix(int64(to), 0).UTC()}
	if parent != 0 {
		s.ParentSpanID = genai.SpanID{7: parent}
	}
	if op == genai.OpChat {
		s.RequestModel = "m"
	}
	return s
}

func with(s genai.Span, f ...func(*genai.Span)) genai.Span {
	for _, g := range f {
		g(&s)
	}
	return s
}

func in(m ...genai.Message) func(*genai.Span)  { return func(s *genai.Span) { s.Input = m } }
func out(m ...genai.Message) func(*genai.Span) { return func(s *genai.Span) { s.Output = m } }

func agent(name string) func(*genai.Span) { return func(s *genai.Span) { s.Agent.Name = name } }

func system(text string) func(*genai.Span) {
	return func(s *genai.Span) { s.System = []genai.Part{{Type: genai.PartText, Content: text}} }
}

func docs(ids ...string) func(*genai.Span) {
	return func(s *genai.Span) {
		for _, id := range ids {
			s.Retrieval.Documents = append(s.Retrieval.Documents, genai.Document{ID: id})
		}
	}
}

func toolRun(id, result string) func(*genai.Span) {
	return func(s *genai.Span) { s.Tool = genai.ToolExecution{Name: "t", CallID: id, Result: genai.JSON(result)} }
}

func failed(typ, message string, status int64) func(*genai.Span) {
	return func(s *genai.Span) {
		s.StatusCode, s.StatusMessage = genai.StatusError, message
		s.Error = genai.Error{Type: typ, HTTPStatus: status}
	}
}

func say(r genai.Role, text string) genai.Message {
	return genai.Message{Role: r, Parts: []genai.Part{{Type: genai.PartText, Content: text}}}
}
func user(text string) genai.Message      { return say(genai.RoleUser, text) }
func assistant(text string) genai.Message { return say(genai.RoleAssistant, text) }

func calls(ids ...string) genai.Message {
	m := genai.Message{Role: genai.RoleAssistant}
	for _, id := range ids {
		m.Parts = append(m.Parts, genai.Part{Type: genai.PartToolCall, ID: id, Name: "t", Arguments: "{}"})
	}
	return m
}

func result(id, r string) genai.Message {
	return genai.Message{Role: genai.RoleTool, Parts: []genai.Part{{Type: genai.PartToolCallResponse, ID: id, Response: genai.JSON(r)}}}
}

// tell writes turns as "span role text [documents] @agent", one a line, with "before" where history is set.
func tell(c conversation) []string {
	var lines []string
	for _, t := range c.turns {
		var parts []string
		for _, p := range t.message.Parts {
			switch p.Type {
			case genai.PartToolCall:
				parts = append(parts, "call "+p.ID)
			case genai.PartToolCallResponse:
				parts = append(parts, p.ID+"="+string(p.Response))
			default:
				parts = append(parts, p.Content)
			}
		}
		line := fmt.Sprintf("%d %s: %s", t.spanID[7], t.message.Role, strings.Join(parts, ", "))
		for _, d := range t.documents {
			line += " [" + d.ID + "]"
		}
		if t.agent != "" {
			line += " @" + t.agent
		}
		if t.history {
			line = "before " + line
		}
		if t.failed != nil {
			line += fmt.Sprintf(" failed: %s %s %d", t.failed.Type, t.failed.Message, t.failed.HTTPStatus)
		}
		if t.history != t.time.IsZero() {
			line += " at " + t.time.String()
		}
		lines = append(lines, line)
	}
	return lines
}

func TestConversation(t *testing.T) {
	t.Parallel()
	const chat, tool, invoke, retrieve = genai.OpChat, genai.OpExecuteTool, genai.OpInvokeAgent, genai.OpRetrieval
	for name, c := range map[string]struct {
		spans   []genai.Span
		focus   byte
		want    []string
		threads []byte // longest call of each
	}{
		"nothing": {},
		"no content": {
			spans: []genai.Span{sp(1, 0, chat, 0, 1)},
		},
		"one call": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), system("be kind"), in(user("hi")), out(assistant("hello")))},
			want:    []string{"1 system: be kind", "1 user: hi", "1 assistant: hello"},
			threads: []byte{1},
		},
		"system is in the history as well": {
			spans: []genai.Span{with(sp(1, 0, chat, 0, 1), system("be kind"),
				in(say(genai.RoleSystem, "be kind"), user("hi")), out(assistant("hello")))},
			want:    []string{"1 system: be kind", "1 user: hi", "1 assistant: hello"},
			threads: []byte{1},
		},
		"a failed tool says so beside its call, whatever the history holds": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(calls("x", "y"))),
				with(sp(2, 0, tool, 1, 2), toolRun("x", ""), failed("Timeout", "too slow", 504)),
				with(sp(3, 0, tool, 1, 2), toolRun("y", ""), failed("", "", 0)),
				with(sp(4, 0, chat, 3, 4), in(user("a"), calls("x", "y"), result("x", `{"error":"too slow"}`)), out(assistant("sorry"))),
			},
			want: []string{
				"1 user: a", "1 assistant: call x, call y", `2 tool: x={"error":"too slow"} failed: Timeout too slow 504`, "3 tool: y= failed:   0",
				"4 assistant: sorry",
			},
			threads: []byte{4},
		},
		"a tool that was tried again did not fail": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(calls("x"))),
				with(sp(2, 0, tool, 1, 2), toolRun("x", ""), failed("Timeout", "", 0)),
				with(sp(3, 0, tool, 2, 3), toolRun("x", "1")),
			},
			want:    []string{"1 user: a", "1 assistant: call x", "3 tool: x=1"},
			threads: []byte{1},
		},
		"a model call that failed stands where it happened": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("old"), assistant("older"), user("a")), failed("429", "slow down", 429)),
				with(sp(2, 0, chat, 2, 3), in(user("old"), assistant("older"), user("a")), failed("429", "slow down", 429)),
				with(sp(3, 0, chat, 4, 5), in(user("old"), assistant("older"), user("a")), out(assistant("b"))),
				with(sp(4, 0, chat, 6, 7), in(user("old"), assistant("older"), user("a"), assistant("b"), user("c")), failed("504", "", 504)),
			},
			want: []string{
				"before 1 user: old", "before 1 assistant: older", "1 user: a", "1 assistant:  failed: 429 slow down 429",
				"2 assistant:  failed: 429 slow down 429", "3 assistant: b", "4 user: c", "4 assistant:  failed: 504  504",
			},
			threads: []byte{4},
		},
		"an answer that broke off keeps what it said": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("I wo")), failed("reset", "", 0))},
			want:    []string{"1 user: a", "1 assistant: I wo failed: reset  0"},
			threads: []byte{1},
		},
		"a failure is all that is known": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), failed("401", "no such key", 401))},
			want:    []string{"1 assistant:  failed: 401 no such key 401"},
			threads: []byte{1},
		},
		"a failure inside of an agent that stands in for its calls": {
			spans: []genai.Span{
				with(sp(1, 0, invoke, 0, 9), agent("a"), in(user("q")), failed("401", "no such key", 401)),
				with(sp(2, 1, chat, 1, 2), failed("401", "no such key", 401)),
			},
			want:    []string{"1 user: q @a", "1 assistant:  @a failed: 401 no such key 401", "2 assistant:  @a failed: 401 no such key 401"},
			threads: []byte{1},
		},
		"each turn belongs to the first call that held it": {
			spans: []genai.Span{
				with(sp(2, 0, chat, 2, 3), system("s"), in(user("a"), assistant(" b\n"), user("c")), out(assistant("d"))),
				with(sp(1, 0, chat, 0, 1), system("s"), in(user("a")), out(assistant("b"))),
			},
			want:    []string{"1 system: s", "1 user: a", "1 assistant:  b\n", "2 user: c", "2 assistant: d"},
			threads: []byte{2},
		},
		"an answer without reasoning is the same answer": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(genai.Message{Role: genai.RoleAssistant, Parts: []genai.Part{
					{Type: genai.PartReasoning, Content: "hm"}, {Type: genai.PartText, Content: "b"},
				}})),
				with(sp(2, 0, chat, 2, 3), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
			},
			want:    []string{"1 user: a", "1 assistant: b", "2 user: c", "2 assistant: d"},
			threads: []byte{2},
		},
		"results stand next to their calls, in the order of the calls": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(calls("x", "y"))),
				with(sp(2, 0, tool, 1, 2), toolRun("x", `"rx"`)),
				with(sp(3, 0, tool, 1, 2), toolRun("y", `"ry"`)),
				with(sp(4, 0, chat, 3, 4), in(user("a"), calls("x", "y"), result("y", `"ry"`), result("x", `"rx"`)), out(assistant("b"))),
			},
			want:    []string{"1 user: a", "1 assistant: call x, call y", `2 tool: x="rx"`, `3 tool: y="ry"`, "4 assistant: b"},
			threads: []byte{4},
		},
		"a result that no history holds comes from the tool's span": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(calls("x"))),
				with(sp(2, 0, tool, 1, 2), toolRun("x", `"rx"`)),
			},
			want:    []string{"1 user: a", "1 assistant: call x", `2 tool: x="rx"`},
			threads: []byte{1},
		},
		"a result without a call stays where it is": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), in(result("x", "1"), user("a")), out(assistant("b")))},
			want:    []string{"1 tool: x=1", "1 user: a", "1 assistant: b"},
			threads: []byte{1},
		},
		"documents stand before the answer that could use them": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("b"))),
				with(sp(2, 0, retrieve, 2, 3), docs("d1", "d2")),
				with(sp(3, 0, genai.OpRerank, 3, 4), docs("d2")),
				with(sp(4, 0, chat, 4, 5), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
			},
			want:    []string{"1 user: a", "1 assistant: b", "4 user: c", "4 assistant: d [d1] [d2]"},
			threads: []byte{4},
		},
		"documents that nothing used stand at the end": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("b"))),
				with(sp(2, 0, retrieve, 2, 3), docs("d1")),
			},
			want:    []string{"1 user: a", "1 assistant: b [d1]"},
			threads: []byte{1},
		},
		"sub-agents are kept apart": {
			spans: []genai.Span{
				with(sp(1, 0, invoke, 0, 9), agent("boss")),
				with(sp(2, 1, chat, 0, 1), in(user("a")), out(calls("x"))),
				with(sp(3, 1, tool, 1, 5), toolRun("x", `"done"`)),
				with(sp(4, 3, invoke, 1, 5), agent("helper")),
				with(sp(5, 4, chat, 2, 3), in(user("sub"), assistant("1"), user("2"), assistant("3"), user("4")), out(assistant("5"))),
				with(sp(6, 4, retrieve, 1, 2), docs("d1")),
				with(sp(7, 1, chat, 6, 7), in(user("a"), calls("x"), result("x", `"done"`)), out(assistant("b"))),
			},
			want:    []string{"2 user: a @boss", "2 assistant: call x @boss", `3 tool: x="done" @boss`, "7 assistant: b @boss"},
			threads: []byte{7, 5},
		},
		"a sub-agent's conversation on demand": {
			spans: []genai.Span{
				with(sp(1, 0, invoke, 0, 9), agent("boss")),
				with(sp(2, 1, chat, 0, 1), in(user("a")), out(assistant("b"))),
				with(sp(4, 1, invoke, 1, 5), agent("helper")),
				with(sp(5, 4, chat, 2, 3), in(user("sub")), out(assistant("1"))),
			},
			focus:   5,
			want:    []string{"5 user: sub @helper", "5 assistant: 1 @helper"},
			threads: []byte{5, 2},
		},
		"an earlier call on demand ends with its own answer": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("b"))),
				with(sp(2, 0, chat, 2, 3), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
			},
			focus:   1,
			want:    []string{"1 user: a", "1 assistant: b"},
			threads: []byte{2},
		},
		"a call on the side is not the conversation": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("b"))),
				with(sp(2, 0, chat, 2, 3), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
				with(sp(3, 0, chat, 4, 5), in(user("find a title")), out(assistant("A, B, C"))),
			},
			want:    []string{"1 user: a", "1 assistant: b", "2 user: c", "2 assistant: d"},
			threads: []byte{2},
		},
		"an agent's own messages where no call has any": {
			spans: []genai.Span{
				with(sp(1, 0, invoke, 0, 9), agent("boss"), in(user("a")), out(assistant("b"))),
				sp(2, 1, chat, 0, 1),
			},
			want:    []string{"1 user: a @boss", "1 assistant: b @boss"},
			threads: []byte{1},
		},
		"turns of earlier traces are history": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), system("s"), in(user("a"), assistant("b"), user("c"), assistant("d"), user("e")), out(calls("x"))),
				with(sp(2, 0, tool, 1, 2), toolRun("x", "1")),
				with(sp(3, 0, chat, 3, 4), system("s"),
					in(user("a"), assistant("b"), user("c"), assistant("d"), user("e"), calls("x"), result("x", "1")), out(assistant("f"))),
			},
			want: []string{
				"1 system: s", "before 1 user: a", "before 1 assistant: b", "before 1 user: c", "before 1 assistant: d",
				"1 user: e", "1 assistant: call x", "2 tool: x=1", "3 assistant: f",
			},
			threads: []byte{3},
		},
		"instructions at the head of the input are of this trace, later ones are not": {
			spans: []genai.Span{with(sp(1, 0, chat, 0, 1),
				in(say(genai.RoleSystem, "s"), user("a"), assistant("b"), say(genai.RoleSystem, "t"), user("c"), assistant("d"), user("e")), out(assistant("f")))},
			want: []string{
				"1 system: s", "before 1 user: a", "before 1 assistant: b", "before 1 system: t", "before 1 user: c",
				"before 1 assistant: d", "1 user: e", "1 assistant: f",
			},
			threads: []byte{1},
		},
		"the same words said again are not history": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("yes"), assistant("ok"), user("yes")), out(assistant("ok"))),
				with(sp(2, 0, chat, 2, 3), in(user("yes"), assistant("ok"), user("yes"), assistant("ok"), user("yes")), out(assistant("ok"))),
			},
			want:    []string{"before 1 user: yes", "before 1 assistant: ok", "1 user: yes", "1 assistant: ok", "1 user: yes", "2 assistant: ok"},
			threads: []byte{2},
		},
		"history that was cut at its beginning": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a"), assistant("b"), user("c"), assistant("d"), user("e")), out(assistant("f"))),
				with(sp(2, 0, chat, 2, 3), in(user("c"), assistant("d"), user("e"), assistant("f"), user("g")), out(assistant("h"))),
			},
			want:  []string{"before 1 user: c", "before 1 assistant: d", "1 user: e", "1 assistant: f", "2 user: g", "2 assistant: h"},
			focus: 2, threads: []byte{2},
		},
		"a hand-off shows the second agent what was said in this trace": {
			spans: []genai.Span{
				with(sp(1, 0, invoke, 0, 4), agent("one")),
				with(sp(2, 1, chat, 0, 1), in(user("a"), assistant("b"), user("c")), out(calls("x"))),
				with(sp(3, 0, invoke, 4, 9), agent("two")),
				with(sp(4, 3, chat, 5, 6), in(user("a"), assistant("b"), user("c"), calls("x"), result("x", "1")), out(assistant("d"))),
			},
			want: []string{
				"before 4 user: a @two", "before 4 assistant: b @two", "4 user: c @two", "4 assistant: call x @two",
				"4 tool: x=1 @two", "4 assistant: d @two",
			},
			threads: []byte{4, 2},
		},
		"a guard that looks at the new message first": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("is this safe: c")), out(assistant("yes"))),
				with(sp(2, 0, chat, 1, 2), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
			},
			want:    []string{"before 2 user: a", "before 2 assistant: b", "2 user: c", "2 assistant: d"},
			threads: []byte{2},
		},
		"a tool's result that begins the trace is new, its call is not": {
			spans: []genai.Span{
				with(sp(1, 0, chat, 0, 1), in(user("a"), calls("x"), result("x", "1")), out(assistant("b"))),
			},
			want:    []string{"before 1 user: a", "before 1 assistant: call x", "1 tool: x=1", "1 assistant: b"},
			threads: []byte{1},
		},
		"an answer that the caller began": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), in(user("a"), assistant("b"), user("c"), assistant("{")), out(assistant("}")))},
			want:    []string{"before 1 user: a", "before 1 assistant: b", "1 user: c", "1 assistant: {", "1 assistant: }"},
			threads: []byte{1},
		},
		"an earlier answer cannot have used the documents": {
			spans: []genai.Span{
				with(sp(1, 0, retrieve, 0, 1), docs("d1")),
				with(sp(2, 0, chat, 1, 2), in(user("a"), assistant("b"), user("c")), out(assistant("d"))),
			},
			want:    []string{"before 2 user: a", "before 2 assistant: b", "2 user: c", "2 assistant: d [d1]"},
			threads: []byte{2},
		},
		"parents in a ring": {
			spans: []genai.Span{
				with(sp(1, 2, invoke, 0, 9), agent("a1")),
				with(sp(2, 1, invoke, 0, 9), agent("a2")),
				with(sp(3, 2, chat, 0, 1), in(user("a")), out(assistant("b"))),
			},
			want:    []string{"3 user: a @a2", "3 assistant: b @a2"},
			threads: []byte{3},
		},
		"a span that does not exist is no focus": {
			spans:   []genai.Span{with(sp(1, 0, chat, 0, 1), in(user("a")), out(assistant("b")))},
			focus:   99,
			want:    []string{"1 user: a", "1 assistant: b"},
			threads: []byte{1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var focus genai.SpanID
			focus[7] = c.focus
			got := readConversation(c.spans, focus)
			if diff := cmp.Diff(c.want, tell(got)); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
			var threads []byte
			for _, th := range got.threads {
				threads = append(threads, th.longest.SpanID[7])
			}
			if diff := cmp.Diff(c.threads, threads); diff != "" {
				t.Errorf("threads (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConversationKeepsEveryMessage: whatever the trace looks like, no message of the call is lost or doubled.
func TestConversationKeepsEveryMessage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.Custom(func(t *rapid.T) genai.Message {
			id := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "id")
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				return user(id)
			case 1:
				return assistant(id)
			case 2:
				return calls(id)
			}
			return result(id, "1")
		})
		var spans []genai.Span
		for i := range rapid.IntRange(1, 8).Draw(t, "spans") {
			op := rapid.SampledFrom([]genai.Operation{genai.OpChat, genai.OpInvokeAgent, genai.OpExecuteTool}).Draw(t, "op")
			from := rapid.IntRange(0, 5).Draw(t, "from")
			s := sp(byte(i+1), byte(rapid.IntRange(0, 9).Draw(t, "parent")), op, from, from+1)
			if op == genai.OpChat {
				s.Input = rapid.SliceOfN(message, 0, 6).Draw(t, "in")
				s.Output = rapid.SliceOfN(message, 0, 2).Draw(t, "out")
			}
			spans = append(spans, s)
		}
		c := readConversation(spans, genai.SpanID{})
		if len(c.threads) == 0 {
			return
		}
		call := c.threads[0].longest
		count := func(ms []genai.Message) map[string]int {
			n := map[string]int{}
			for _, m := range ms {
				if soleResult(m) == "" { // a result that comes twice is shown once
					n[messageKey(m)]++
				}
			}
			return n
		}
		var shown []genai.Message
		for _, one := range c.turns {
			shown = append(shown, one.message)
		}
		if diff := cmp.Diff(count(append(append([]genai.Message{}, call.Input...), call.Output...)), count(shown)); diff != "" {
			t.Fatalf("messages (-want +got):\n%s", diff)
		}
	})
}
