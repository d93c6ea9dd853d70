package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

func lenField(num protowire.Number, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), body)
}

func id(n int) []byte { return []byte(strings.Repeat("\x07", n)) }

var goodIDs = append(lenField(1, id(16)), lenField(2, id(8))...)

// TestBadSpanCostsThatSpan puts each bad span between two good ones.
func TestBadSpanCostsThatSpan(t *testing.T) {
	t.Parallel()
	deep := lenField(1, []byte("x"))
	for range 60 {
		deep = lenField(5, lenField(1, deep))
	}
	const at = "resource_spans[0].scope_spans[0].spans[1]"
	for name, tc := range map[string]struct {
		span []byte
		want wire.Offender
	}{
		"no trace id":    {lenField(2, id(8)), wire.Offender{Path: at + ".trace_id", Reason: wire.ReasonTraceID}},
		"short trace id": {append(lenField(1, id(8)), goodIDs[18:]...), wire.Offender{Path: at + ".trace_id", Reason: wire.ReasonTraceID}},
		"zero trace id":  {append(lenField(1, make([]byte, 16)), goodIDs[18:]...), wire.Offender{Path: at + ".trace_id", Reason: wire.ReasonTraceID}},
		"no span id":     {lenField(1, id(16)), wire.Offender{Path: at + ".span_id", Reason: wire.ReasonSpanID}},
		"long parent":    {append(lenField(4, id(16)), goodIDs...), wire.Offender{Path: at + ".parent_span_id", Reason: wire.ReasonParentSpanID}},
		"bad link":       {append(lenField(13, lenField(1, id(3))), goodIDs...), wire.Offender{Path: at + ".links[0]", Reason: wire.ReasonLink}},
		"cut off":        {append(append([]byte{}, goodIDs...), 0x2a, 0x7f), wire.Offender{Path: at, Reason: wire.ReasonMalformed}},
		"name a number":  {append([]byte{0x28, 1}, goodIDs...), wire.Offender{Path: at + ".name", Reason: wire.ReasonMalformed}},
		"nested too deep": {
			append(lenField(9, lenField(2, deep)), goodIDs...),
			wire.Offender{Path: at + ".attributes[0]", Reason: wire.ReasonNesting},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := lenField(1, lenField(2, lenField(2, goodIDs), lenField(2, tc.span), lenField(2, goodIDs)))
			rep, err := wire.ValidateTraces(b, wire.Limits{})
			if err != nil || rep.Items != 3 || rep.Rejected != 1 || rep.Reasons[tc.want.Reason] != 1 {
				t.Errorf("report is %+v, %v", rep, err)
			}
			if diff := cmp.Diff(tc.want, rep.First); diff != "" {
				t.Error(diff)
			}
			read := 0
			for r := wire.ReadTraces(b); r.Next(); {
				read++
			}
			if read != 2 {
				t.Errorf("read %d spans, want the 2 good ones", read)
			}
		})
	}
}

// TestAppendJSON renders a value, and cuts it at the depth asked for.
func TestAppendJSON(t *testing.T) {
	t.Parallel()
	nested := lenField(2, lenField(5, lenField(1, lenField(5, lenField(1, lenField(1, []byte("a\"\xff")))))))
	b := lenField(1, lenField(2, lenField(2, append(lenField(9, lenField(1, []byte("k")), nested), goodIDs...))))
	for depth, want := range map[int]string{0: `null`, 1: `[null]`, 2: "[[\"a\\\"\uFFFD\"]]"} {
		r := wire.ReadTraces(b)
		if !r.Next() {
			t.Fatal("no span")
		}
		it := r.Span().Attributes()
		it.Next()
		got, cut := it.Value().AppendJSON(nil, depth)
		if string(got) != want || cut != (depth < 2) || !json.Valid(got) {
			t.Errorf("depth %d: %s, cut %v; want %s", depth, got, cut, want)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	b := agentTraffic(t, 10)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := wire.ValidateTraces(b, wire.Limits{}); err != nil {
			t.Error(err)
		}
		r := wire.ReadTraces(b)
		for r.Next() {
			for it := r.Span().Attributes(); it.Next(); {
				_ = it.Value().Kind()
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
