package genai_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Ids that are long enough to be unique.
const (
	responseA = "resp-aaaaaaaaaaaaaaaaaaaa"
	responseB = "resp-bbbbbbbbbbbbbbbbbbbb"
	executed  = "call-cccccccccccccccccccc"
	turn      = "0199c3a1-2f5e-4d0a-9b1c-6f3f0b7f9a51"
)

func ms(n int) time.Time { return time.Unix(1_790_000_000, int64(n)*int64(time.Millisecond)) }

// head is a span of a case: number, parent, operation, response, and from when to when in milliseconds.
func head(n, parent byte, op genai.Operation, response string, from, to int) genai.SpanHead {
	h := genai.SpanHead{UsageNode: span(n, parent, op, "", response, -1, -1), End: ms(to)}
	h.Start = ms(from)
	return h
}

func tool(n, parent byte, call string, from, to int) genai.SpanHead {
	h := head(n, parent, genai.OpExecuteTool, "", from, to)
	h.CallID = call
	return h
}

func counted(h genai.SpanHead) genai.SpanHead {
	h.Usage = genai.Usage{Input: genai.Count(1), Output: genai.Count(1)}
	return h
}

// told is a record of a case: when, of what operation, with which response or tool.
func told(at int, op genai.Operation, response, call string) genai.RecordHead {
	return genai.RecordHead{TraceID: genai.TraceID{1}, Time: ms(at), Operation: op, ResponseID: response, CallID: call}
}

func said(at int) genai.RecordHead { return told(at, "", "", "") }

func ofTurn(at int, sequence int64, response string) genai.RecordHead {
	return genai.RecordHead{Time: ms(at), Operation: genai.OpChat, ResponseID: response, Turn: genai.Turn{ID: turn, Sequence: sequence}}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	const chat, agent = genai.OpChat, genai.OpInvokeAgent
	calls := []genai.SpanHead{head(1, 0, agent, "", 0, 900), head(2, 1, chat, responseA, 100, 300), head(3, 1, chat, responseB, 400, 700)}
	silent := []genai.SpanHead{head(1, 0, agent, "", 0, 900), head(2, 1, chat, "", 100, 300), head(3, 1, chat, "", 400, 700)}
	overlapping := []genai.SpanHead{head(1, 0, agent, "", 0, 900), head(2, 1, chat, "", 100, 500), head(3, 1, chat, "", 400, 700)}
	nested := []genai.SpanHead{head(1, 0, chat, "", 0, 900), head(2, 1, chat, "", 100, 500)}
	untraced := func(r genai.RecordHead) genai.RecordHead { r.TraceID = genai.TraceID{}; return r }
	late := head(2, 0, chat, "", 100, 300)
	late.End = late.End.Add(-137 * time.Microsecond)
	for name, c := range map[string]struct {
		spans   []genai.SpanHead
		records []genai.RecordHead
		want    []byte // spans by their number, 0: none
	}{
		"by response, whatever the time": {calls, []genai.RecordHead{told(150, chat, responseB, ""), told(5000, "", responseA, ""), untraced(told(0, chat, responseA, ""))}, []byte{3, 2, 2}},
		"an answer whose call has not come": {
			calls[:2], []genai.RecordHead{told(150, chat, responseB, ""), told(150, "", responseB, "")}, []byte{0, 0},
		},
		"a wrapper, its call and an agent with one response": {
			[]genai.SpanHead{head(1, 0, agent, responseA, 0, 900), head(2, 1, chat, responseA, 100, 500), head(3, 2, chat, responseA, 200, 400)},
			[]genai.RecordHead{told(50, "", responseA, "")},
			[]byte{3},
		},
		"a client and its gateway, of which one counts": {
			[]genai.SpanHead{head(1, 0, chat, responseA, 0, 900), counted(head(2, 0, chat, responseA, 100, 500))},
			[]genai.RecordHead{told(50, "", responseA, "")},
			[]byte{2},
		},
		"a short id of one response": {[]genai.SpanHead{head(1, 0, chat, "chatcmpl-7", 0, 100), head(2, 1, chat, "chatcmpl-7", 10, 90)}, []genai.RecordHead{told(0, "", "chatcmpl-7", "")}, []byte{2}},
		"a short id of two": {
			[]genai.SpanHead{head(1, 0, chat, "chatcmpl-7", 0, 100), head(2, 0, chat, "chatcmpl-7", 200, 300)},
			[]genai.RecordHead{told(50, "", "chatcmpl-7", ""), told(150, "", "chatcmpl-7", ""), untraced(told(50, "", "chatcmpl-7", ""))},
			[]byte{1, 0, 0},
		},
		"by time": {silent, []genai.RecordHead{said(100), said(200), said(300), said(400), said(650)}, []byte{2, 2, 2, 3, 3}},
		"between two calls, before and after all": {
			silent, []genai.RecordHead{said(50), said(350), said(800)}, []byte{0, 0, 0},
		},
		"a record has whole milliseconds, its span has fractions": {
			[]genai.SpanHead{late, head(3, 0, chat, "", 400, 700)}, []genai.RecordHead{said(300), said(302)}, []byte{2, 0},
		},
		"at the border of two calls": {
			[]genai.SpanHead{head(1, 0, chat, "", 0, 100), head(2, 0, chat, "", 100, 200)}, []genai.RecordHead{said(50), said(100), said(150)}, []byte{1, 0, 2},
		},
		"calls that overlap":   {overlapping, []genai.RecordHead{said(200), said(450), said(600)}, []byte{2, 0, 3}},
		"nested calls":         {nested, []genai.RecordHead{said(50), said(300), said(600)}, []byte{1, 2, 1}},
		"a call below a tool":  {[]genai.SpanHead{head(1, 0, chat, "", 0, 900), tool(2, 1, "", 100, 500), head(3, 2, chat, "", 200, 400)}, []genai.RecordHead{said(150), said(300), said(950)}, []byte{1, 3, 0}},
		"the only call":        {[]genai.SpanHead{head(1, 0, agent, "", 0, 900), head(2, 1, chat, "", 100, 300)}, []genai.RecordHead{said(0), said(200), said(5000)}, []byte{2, 2, 2}},
		"the only call, twice": {nested, []genai.RecordHead{said(5000)}, []byte{2}},
		"an agent is no call":  {[]genai.SpanHead{head(1, 0, agent, "", 0, 900)}, []genai.RecordHead{said(100)}, []byte{0}},
		"messages of no embedding": {
			[]genai.SpanHead{head(1, 0, genai.OpEmbeddings, "", 0, 900), head(2, 0, chat, "", 100, 300)},
			[]genai.RecordHead{said(200), told(200, genai.OpEmbeddings, "", ""), told(200, genai.OpGenerateContent, "", ""), told(200, genai.OpRerank, "", "")},
			[]byte{2, 1, 2, 0},
		},
		"another response is known": {
			[]genai.SpanHead{head(1, 0, chat, responseA, 0, 900), head(2, 0, chat, "", 100, 300)},
			[]genai.RecordHead{told(200, "", responseB, ""), told(600, "", responseB, ""), said(600)},
			[]byte{2, 2, 1},
		},
		"tools by their id alone": {
			[]genai.SpanHead{head(1, 0, chat, "", 0, 900), tool(2, 1, executed, 100, 300), head(3, 2, "", "", 110, 290), tool(4, 1, "call-dddddddddddddddddddd", 400, 500)},
			[]genai.RecordHead{told(450, genai.OpExecuteTool, "", executed), told(450, genai.OpExecuteTool, "", "other"), told(450, genai.OpExecuteTool, "", ""), untraced(told(0, genai.OpExecuteTool, "", executed))},
			[]byte{2, 0, 0, 2},
		},
		"a judgement of the call, while the judge is asked": {silent, []genai.RecordHead{told(500, genai.OpEvaluator, "", "")}, []byte{0}},
		"no trace": {silent[:2], []genai.RecordHead{untraced(said(200))}, []byte{0}},
		"a turn": {
			calls,
			[]genai.RecordHead{ofTurn(50, 1, ""), ofTurn(100, 2, ""), ofTurn(301, 3, responseA), ofTurn(302, 4, responseA), ofTurn(400, 5, ""), ofTurn(701, 6, responseB), ofTurn(800, 7, "")},
			[]byte{2, 2, 2, 2, 3, 3, 0},
		},
		"a turn whose first call has not come": {
			calls[2:], []genai.RecordHead{ofTurn(50, 1, ""), ofTurn(301, 3, responseA), ofTurn(400, 5, ""), ofTurn(701, 6, responseB)}, []byte{0, 0, 3, 3},
		},
		"a turn with calls that overlap": {
			[]genai.SpanHead{head(2, 0, chat, responseA, 100, 500), head(3, 0, chat, responseB, 400, 700)},
			[]genai.RecordHead{ofTurn(100, 1, ""), ofTurn(400, 2, ""), ofTurn(501, 3, responseA), ofTurn(701, 4, responseB)},
			[]byte{2, 0, 2, 3},
		},
		"a turn is not placed by time": {silent, []genai.RecordHead{ofTurn(200, 1, "")}, []byte{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []genai.SpanID
			for _, n := range c.want {
				want = append(want, at(n))
			}
			if d := cmp.Diff(want, genai.Place(c.spans, c.records)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestPlaceOfManyTraces: a record without a trace is a part of a span in each that has its id, and those of its turn follow it.
func TestPlaceOfManyTraces(t *testing.T) {
	t.Parallel()
	first, second := genai.TraceID{1}, genai.TraceID{2}
	apart := func(h genai.SpanHead) genai.SpanHead { h.Apart = true; return h }
	heads := genai.TraceHeads{
		first:            {apart(head(1, 0, genai.OpChat, responseA, 0, 100)), apart(head(2, 0, genai.OpChat, "short", 0, 100))},
		second:           {apart(head(3, 0, genai.OpChat, responseA, 0, 100)), apart(tool(4, 0, executed, 0, 100)), head(5, 0, genai.OpChat, "", 200, 300)},
		genai.TraceID{4}: {head(6, 0, genai.OpChat, responseA, 0, 100)}, // of a dialect whose records name their trace
	}
	records := []genai.RecordHead{
		ofTurn(50, 1, ""), ofTurn(60, 2, responseA),
		{Operation: genai.OpExecuteTool, CallID: executed},
		{ResponseID: "short"},
		{TraceID: second, Time: ms(250)},
		{TraceID: genai.TraceID{3}, Time: ms(250)},
	}
	both := []genai.SpanPlace{{TraceID: first, SpanID: at(1)}, {TraceID: second, SpanID: at(3)}}
	want := map[int][]genai.SpanPlace{0: both, 1: both, 2: {{TraceID: second, SpanID: at(4)}}, 4: {{TraceID: second, SpanID: at(5)}}}
	if d := cmp.Diff(want, heads.Place(records)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestPlaceInAnyOrder: of calls of any shape, each record that was made within one of them is a part of that call or, where another
// one was under way, of none; and the order of spans and records does not matter.
func TestPlaceInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "calls")
		spans := []genai.SpanHead{head(100, 0, genai.OpInvokeAgent, "", 0, 10_000)}
		var records []genai.RecordHead
		var of []genai.SpanID
		for i := range n {
			from := rapid.IntRange(0, 2000).Draw(t, "from")
			to := from + rapid.IntRange(5, 600).Draw(t, "long")
			response := ""
			if rapid.Bool().Draw(t, "named") {
				response = fmt.Sprintf("resp-%020d", i)
			}
			number := byte(i + 1)
			spans = append(spans, head(number, 100, genai.OpChat, response, from, to))
			for range rapid.IntRange(0, 3).Draw(t, "records") {
				r := said(rapid.IntRange(from, to).Draw(t, "at"))
				if rapid.Bool().Draw(t, "names it") {
					r.ResponseID = response
				}
				records, of = append(records, r), append(of, at(number))
			}
		}
		got := genai.Place(spans, records)
		for i, r := range records {
			alone := 0
			for _, s := range spans[1:] {
				if !r.Time.Before(s.Start.Add(-time.Millisecond)) && !r.Time.After(s.End.Add(time.Millisecond)) {
					alone++
				}
			}
			switch {
			case got[i] == of[i]:
			case !got[i].IsZero():
				t.Fatalf("record %d of span %s is given to %s", i, of[i], got[i])
			case r.ResponseID != "" || alone == 1:
				t.Fatalf("record %d of span %s is given to none", i, of[i])
			}
		}
		order := rapid.Permutation(indices(len(records))).Draw(t, "order")
		shuffled := make([]genai.RecordHead, len(records))
		for to, from := range order {
			shuffled[to] = records[from]
		}
		slices.Reverse(spans)
		for to, id := range genai.Place(spans, shuffled) {
			if id != got[order[to]] {
				t.Fatalf("record %d is given to %s in one order, and to %s in another", order[to], got[order[to]], id)
			}
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestPlaceIsBounded: spans and records that were made to cost time do not.
func TestPlaceIsBounded(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for name, up := range map[string]func(i int) int{"nested": func(i int) int { return i }, "side by side": func(int) int { return 0 }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans, records := make([]genai.SpanHead, n), make([]genai.RecordHead, n)
			number := func(i int) genai.SpanID { return genai.SpanID{1, byte(i >> 16), byte(i >> 8), byte(i)} }
			for i := range n {
				spans[i] = head(1, 0, genai.OpChat, responseA, i, 2*n)
				spans[i].SpanID, spans[i].ParentSpanID = number(i), genai.SpanID{}
				if p := up(i); p > 0 {
					spans[i].ParentSpanID = number(p - 1)
				}
				if i%2 == 0 {
					spans[i].ResponseID = ""
				}
				records[i] = said(i)
				switch i % 4 {
				case 0:
					records[i].ResponseID = responseA
				case 1:
					records[i] = ofTurn(i, int64(i), responseA)
				case 2:
					records[i] = ofTurn(i, int64(i), "")
				}
			}
			for i, id := range genai.Place(spans, records) {
				if i%4 != 3 && id.IsZero() && i < n-2 {
					t.Fatalf("record %d is a part of none", i)
				}
			}
		})
	}
}
