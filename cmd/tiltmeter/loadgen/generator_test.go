package loadgen

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"pgregory.net/rapid"
)

var base = time.Unix(1_780_000_000, 0)

func decode(tb testing.TB, b []byte) ptrace.Traces {
	tb.Helper()
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(b); err != nil {
		tb.Fatalf("decode generated request: %v", err)
	}
	return req.Traces()
}

func eachSpan(td ptrace.Traces, visit func(ptrace.Span)) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				visit(s)
			}
		}
	}
}

func TestRequestsAreValidTraces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.IntRange(1, 300).Draw(t, "batch")
		g := NewGenerator(rapid.Uint64Min(1).Draw(t, "seed"), batch, 0, 1)
		p := g.make(rapid.Uint64Range(0, 1<<40).Draw(t, "seq"), base)
		req := ptraceotlp.NewExportRequest()
		if err := req.UnmarshalProto(p.bytes); err != nil {
			t.Fatalf("decode: %v", err)
		}
		spans := map[pcommon.SpanID]ptrace.Span{}
		roots := map[pcommon.TraceID]int{}
		eachSpan(req.Traces(), func(s ptrace.Span) {
			if s.SpanID().IsEmpty() || s.TraceID().IsEmpty() {
				t.Fatal("empty id")
			}
			if _, double := spans[s.SpanID()]; double {
				t.Fatalf("span id %s twice", s.SpanID())
			}
			spans[s.SpanID()] = s
			if s.ParentSpanID().IsEmpty() {
				roots[s.TraceID()]++
			}
		})
		if len(spans) != batch || len(roots) != p.tmpl.traces {
			t.Fatalf("%d spans in %d traces, want %d in %d", len(spans), len(roots), batch, p.tmpl.traces)
		}
		for _, n := range roots {
			if n != 1 {
				t.Fatalf("%d roots in a trace", n)
			}
		}
		for _, s := range spans {
			checkSpan(t, s, spans)
		}
		for _, e := range g.entries(p) {
			var ids [][8]byte
			for id, s := range spans {
				if s.TraceID() == e.TraceID {
					ids = append(ids, id)
				}
			}
			if len(ids) != e.Spans || SpanSetHash(ids) != e.Hash {
				t.Fatalf("ledger entry %+v does not describe the %d spans that were sent", e, len(ids))
			}
		}
	})
}

func checkSpan(t *rapid.T, s ptrace.Span, spans map[pcommon.SpanID]ptrace.Span) {
	if s.EndTimestamp() > pcommon.NewTimestampFromTime(base) || s.StartTimestamp() >= s.EndTimestamp() {
		t.Fatalf("%s lasts from %v to %v, base %v", s.Name(), s.StartTimestamp(), s.EndTimestamp(), base)
	}
	if !s.ParentSpanID().IsEmpty() {
		p, ok := spans[s.ParentSpanID()]
		if !ok || p.TraceID() != s.TraceID() || p.StartTimestamp() > s.StartTimestamp() || p.EndTimestamp() < s.EndTimestamp() {
			t.Fatalf("%s is not within its parent", s.Name())
		}
	}
	for key, v := range s.Attributes().All() {
		switch key {
		case "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.retrieval.documents",
			"gen_ai.tool.call.arguments", "gen_ai.tool.call.result":
			if !json.Valid([]byte(v.Str())) {
				t.Fatalf("%s is not JSON: %s", key, v.Str())
			}
		}
		if bytes.IndexByte([]byte(v.AsString()), 0) >= 0 || bytes.IndexByte([]byte(v.AsString()), '#') >= 0 {
			t.Fatalf("%s of %s has a place that was not written: %q", key, s.Name(), v.AsString())
		}
	}
}

func TestEqualSeedsMakeEqualRequests(t *testing.T) {
	t.Parallel()
	a, b := NewGenerator(7, 200, 1100, 1), NewGenerator(7, 200, 1100, 1)
	b.make(3, base).release() // order and reuse must not matter
	for _, seq := range []uint64{0, 1, 5, 99} {
		if !bytes.Equal(a.make(seq, base).bytes, b.make(seq, base).bytes) {
			t.Errorf("request %d differs between two generators of one seed", seq)
		}
	}
	if bytes.Equal(NewGenerator(8, 200, 0, 1).make(0, base).bytes, a.make(0, base).bytes) {
		t.Error("two seeds make the same request")
	}
	if got := a.make(5, base).tmpl.spans; got != 100 {
		t.Errorf("the last request has %d spans, want the rest of 100", got)
	}
}

func TestPayloadsDoNotShareBytes(t *testing.T) {
	t.Parallel()
	g := NewGenerator(3, 50, 0, 2)
	first := g.make(0, base)
	kept := bytes.Clone(first.bytes)
	first.retain() // a transport still reads it
	first.release()
	for seq := uint64(1); seq < 200; seq++ {
		g.make(seq, base).release()
	}
	if !bytes.Equal(first.bytes, kept) {
		t.Error("a payload that is still held was written again")
	}
	ids := map[pcommon.SpanID]bool{}
	texts := map[string]bool{}
	for seq := range uint64(200) {
		p := g.make(seq, base)
		eachSpan(decode(t, p.bytes), func(s ptrace.Span) {
			if ids[s.SpanID()] {
				t.Fatalf("span id %s in two requests", s.SpanID())
			}
			ids[s.SpanID()] = true
			if v, ok := s.Attributes().Get("gen_ai.output.messages"); ok {
				if texts[v.Str()] {
					t.Fatalf("an answer occurs twice: %q", v.Str())
				}
				texts[v.Str()] = true
			}
		})
		p.release()
	}
}

func TestAgentsResendTheirHistory(t *testing.T) {
	t.Parallel()
	g := NewGenerator(3, 200, 0, 1)
	resent := 0
	for seq := range uint64(20) {
		outputs := map[pcommon.TraceID][]json.RawMessage{}
		eachSpan(decode(t, g.make(seq, base).bytes), func(s ptrace.Span) {
			in, ok := s.Attributes().Get("gen_ai.input.messages")
			if !ok {
				return
			}
			for _, parts := range outputs[s.TraceID()] {
				if !bytes.Contains([]byte(in.Str()), parts) {
					t.Errorf("a later call does not carry the earlier answer %s", parts)
				}
				resent++
			}
			out, _ := s.Attributes().Get("gen_ai.output.messages")
			var msgs []struct{ Parts json.RawMessage }
			if err := json.Unmarshal([]byte(out.Str()), &msgs); err != nil {
				t.Fatal(err)
			}
			outputs[s.TraceID()] = append(outputs[s.TraceID()], msgs[0].Parts)
		})
	}
	if resent == 0 {
		t.Error("no call resends anything")
	}
}

func TestTextCompressesLikeProse(t *testing.T) {
	t.Parallel()
	g := NewGenerator(1, 200, 0, 1)
	text := make([]byte, 1<<20)
	g.words.fill(text, newPCG(1))
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if ratio := float64(len(text)) / float64(len(e.EncodeAll(text, nil))); ratio < 2.2 || ratio > 3.6 {
		t.Errorf("text compresses %.2f-fold by zstd, prose about threefold", ratio)
	}
	bytesPerSpan, spans := 0, 0
	for seq := range uint64(40) {
		p := g.make(seq, base)
		bytesPerSpan += len(p.bytes)
		spans += p.tmpl.spans
	}
	if mean := bytesPerSpan / spans; mean < 1200 || mean > 1700 {
		t.Errorf("a span has %d bytes on average, want about 1,400", mean)
	}
}

func TestTextFillsEveryLength(t *testing.T) {
	t.Parallel()
	words := newVocabulary()
	for n := range 400 {
		b := make([]byte, n)
		words.fill(b, newPCG(uint64(n)))
		if i := bytes.IndexAny(b, "\x00#\"\\"); i >= 0 {
			t.Fatalf("text of %d bytes has %q at %d: %q", n, b[i], i, b)
		}
	}
}

func TestLedgerRoundTrip(t *testing.T) {
	t.Parallel()
	g := NewGenerator(3, 20, 0, 1)
	path := t.TempDir() + "/ledger"
	l, err := openLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{}
	for seq, o := range []Outcome{Acked, Unknown} {
		entries := g.entries(g.make(uint64(seq), base))
		if err := l.write(o, uint64(seq), entries); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			want = append(want, Line{o, uint64(seq), e})
		}
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLedger(bytes.NewReader(append(readFile(t, path), "ack 9 cut of"...)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func BenchmarkGenerator(b *testing.B) {
	g := NewGenerator(1, 200, 0, 1)
	b.ReportAllocs()
	var n, spans int64
	var seq uint64
	for b.Loop() {
		p := g.make(seq, base)
		seq++
		n += int64(len(p.bytes))
		spans += int64(p.tmpl.spans)
		p.release()
	}
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
	b.SetBytes(n / int64(seq))
}
