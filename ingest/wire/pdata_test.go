package wire_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// The relation between this package and pdata, the Collector's decoder, on the same bytes b:
//
//  1. If pdata decodes b, so do we, to the same items in the same order with the same values. The
//     only items of these that we refuse are spans whose trace or span id is missing or zero.
//  2. If pdata refuses b, so do we, or we refuse at least one item of it and keep the others.
//
// Three kinds of requests are outside of it. Those with a resource or scope in more than MaxPieces
// pieces, which we refuse. Those with protobuf groups: pdata stops reading a
// group after its first field, we skip groups as the encoding's specification says. And those
// that have both scope_spans and the deprecated instrumentation_library_spans: both ignore the
// latter, pdata after decoding them, we unseen.

func FuzzTraces(f *testing.F) {
	for _, b := range seeds(f, "*.traces.pb") {
		f.Add(b)
	}
	f.Add(agentTraffic(f, 2))
	f.Add(inPieces([][]byte{attribute(1, "a"), nil, {0x10, 7}}, [][]byte{lenField(1, []byte("s")), attribute(3, "b")}))
	f.Fuzz(func(t *testing.T, b []byte) { agreeTraces(t, b) })
}

func FuzzLogs(f *testing.F) {
	for _, b := range seeds(f, "*.logs.pb") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { agreeLogs(t, b) })
}

func FuzzMetrics(f *testing.F) {
	for _, b := range seeds(f, "*.metrics.pb") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		points := 0
		c, err := wire.CountMetrics(b, func(_ []byte, n int) { points += n })
		if err == nil && c.DataPoints != points {
			t.Errorf("counted %d data points in all and %d one by one", c.DataPoints, points)
		}
	})
}

// TestDamagedRequests holds the relation on what goes wrong in practice: requests that were cut
// off, and requests with one byte changed.
func TestDamagedRequests(t *testing.T) {
	t.Parallel()
	const positions = 1_000 // of each request: enough to meet every kind of field
	check := func(t *testing.T, b []byte, agree func(*testing.T, []byte)) {
		t.Helper()
		step := 1 + len(b)/positions
		changed := make([]byte, len(b))
		for i := 0; i < len(b); i += step {
			agree(t, b[:i])
			for _, flip := range []byte{0x01, 0x08, 0x80} {
				copy(changed, b)
				changed[i] ^= flip
				agree(t, changed)
			}
			if t.Failed() {
				return
			}
		}
	}
	for name, b := range seeds(t, "*.traces.pb") {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, b, agreeTraces) })
	}
	for name, b := range seeds(t, "*.logs.pb") {
		t.Run(name, func(t *testing.T) { t.Parallel(); check(t, b, agreeLogs) })
	}
}

func seeds(tb testing.TB, pattern string) map[string][]byte {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "captured", pattern))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("find captured requests %s: %v", pattern, err)
	}
	out := make(map[string][]byte)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(p)] = b
	}
	return out
}

func agreeTraces(t *testing.T, b []byte) {
	t.Helper()
	rep, err := wire.ValidateTraces(b, wire.Limits{SpansPerRequest: math.MaxInt32})
	if err != nil && !errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("ValidateTraces(%x): error of unknown class: %v", b, err)
	}
	r := wire.ReadTraces(b)
	if outside(b, traceShape) {
		for r.Next() {
			visitSpan(r.Span())
		}
		return
	}
	req := ptraceotlp.NewExportRequest()
	if perr := req.UnmarshalProto(b); perr != nil {
		if err == nil && rep.Rejected == 0 {
			t.Fatalf("pdata refuses %x: %v; we take it whole", b, perr)
		}
		return
	}
	if err != nil {
		t.Fatalf("pdata takes %x, we refuse it: %v", b, err)
	}
	for _, rs := range req.Traces().ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					rep.Rejected--
					continue
				}
				if !r.Next() {
					t.Fatalf("%x: no span where pdata has %q: %v", b, s.Name(), rep.First)
				}
				same(t, "resource", resourceOf(r.Resource()), pResource(rs.Resource(), rs.SchemaUrl()))
				same(t, "scope", scopeOf(r.Scope()), pScope(ss.Scope(), ss.SchemaUrl()))
				same(t, "span", spanOf(r.Span()), pSpan(s))
			}
		}
	}
	if r.Next() || rep.Rejected != 0 || r.Err() != nil {
		t.Fatalf("%x: more spans than pdata has, or refused ones with ids: %v, %v", b, rep.First, r.Err())
	}
}

func agreeLogs(t *testing.T, b []byte) {
	t.Helper()
	rep, err := wire.ValidateLogs(b, wire.Limits{SpansPerRequest: math.MaxInt32})
	if err != nil && !errors.Is(err, wire.ErrMalformed) {
		t.Fatalf("ValidateLogs(%x): error of unknown class: %v", b, err)
	}
	r := wire.ReadLogs(b)
	if outside(b, logShape) {
		for r.Next() {
			_ = show(r.Record().Body)
		}
		return
	}
	req := plogotlp.NewExportRequest()
	if perr := req.UnmarshalProto(b); perr != nil {
		if err == nil && rep.Rejected == 0 {
			t.Fatalf("pdata refuses %x: %v; we take it whole", b, perr)
		}
		return
	}
	if err != nil || rep.Rejected > 0 {
		t.Fatalf("pdata takes %x, we refuse it or a part of it: %v, %v", b, err, rep.First)
	}
	for _, rl := range req.Logs().ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				if !r.Next() {
					t.Fatalf("%x: no record where pdata has one", b)
				}
				same(t, "resource", resourceOf(r.Resource()), pResource(rl.Resource(), rl.SchemaUrl()))
				same(t, "scope", scopeOf(r.Scope()), pScope(sl.Scope(), sl.SchemaUrl()))
				same(t, "record", recordOf(r.Record()), pRecord(l))
			}
		}
	}
	if r.Next() || r.Err() != nil {
		t.Fatalf("%x: more records than pdata has: %v", b, r.Err())
	}
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("%s differs from pdata's:\n got %s\nwant %s", what, got, want)
	}
}

// Both sides are written out in full, down to the bits of doubles, and compared as text.

func visitSpan(s *wire.Span) { _ = spanOf(s) }

func show(v wire.Value) string {
	switch v.Kind() {
	case wire.KindString:
		return fmt.Sprintf("s%q", v.Str())
	case wire.KindBool:
		return fmt.Sprintf("b%v", v.Bool())
	case wire.KindInt:
		return fmt.Sprintf("i%d", v.Int())
	case wire.KindDouble:
		return fmt.Sprintf("d%x", math.Float64bits(v.Double()))
	case wire.KindBytes:
		return fmt.Sprintf("x%x", v.Bytes())
	case wire.KindArray:
		out := "["
		for it := v.Array(); it.Next(); {
			out += show(it.Value()) + ","
		}
		return out + "]"
	case wire.KindMap:
		return pairs(v.Map())
	}
	return "-"
}

func pairs(it wire.KeyValues) string {
	out := "{"
	for it.Next() {
		out += fmt.Sprintf("%q=%s,", it.Key(), show(it.Value()))
	}
	return out + "}"
}

func pShow(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return fmt.Sprintf("s%q", v.Str())
	case pcommon.ValueTypeBool:
		return fmt.Sprintf("b%v", v.Bool())
	case pcommon.ValueTypeInt:
		return fmt.Sprintf("i%d", v.Int())
	case pcommon.ValueTypeDouble:
		return fmt.Sprintf("d%x", math.Float64bits(v.Double()))
	case pcommon.ValueTypeBytes:
		return fmt.Sprintf("x%x", v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		out := "["
		for _, e := range v.Slice().All() {
			out += pShow(e) + ","
		}
		return out + "]"
	case pcommon.ValueTypeMap:
		return pPairs(v.Map())
	}
	return "-"
}

func pPairs(m pcommon.Map) string {
	out := "{"
	for k, v := range m.All() {
		out += fmt.Sprintf("%q=%s,", k, pShow(v))
	}
	return out + "}"
}

func resourceOf(r *wire.Resource) string {
	return fmt.Sprintf("%s %d %q", pairs(r.Attributes()), r.DroppedAttributes, r.SchemaURL)
}

func pResource(r pcommon.Resource, schema string) string {
	return fmt.Sprintf("%s %d %q", pPairs(r.Attributes()), r.DroppedAttributesCount(), schema)
}

func scopeOf(s *wire.Scope) string {
	return fmt.Sprintf("%q %q %s %d %q", s.Name, s.Version, pairs(s.Attributes()),
		s.DroppedAttributes, s.SchemaURL)
}

func pScope(s pcommon.InstrumentationScope, schema string) string {
	return fmt.Sprintf("%q %q %s %d %q", s.Name(), s.Version(), pPairs(s.Attributes()),
		s.DroppedAttributesCount(), schema)
}

func spanOf(s *wire.Span) string {
	out := fmt.Sprintf("%x %x %x %q %q %d %d %q %d %d %d %s %d %d %d %d %d %d", s.TraceID, s.SpanID,
		s.ParentSpanID, s.TraceState, s.Name, s.Kind, s.StatusCode, s.StatusMessage, s.StartUnixNano,
		s.EndUnixNano, s.Flags, pairs(s.Attributes()), s.AttributeCount, s.EventCount, s.LinkCount,
		s.DroppedAttributes, s.DroppedEvents, s.DroppedLinks)
	for it := s.Events(); it.Next(); {
		e := it.Event()
		out += fmt.Sprintf("\nevent %d %q %s %d", e.TimeUnixNano, e.Name, pairs(e.Attributes()),
			e.DroppedAttributes)
	}
	for it := s.Links(); it.Next(); {
		l := it.Link()
		out += fmt.Sprintf("\nlink %x %x %q %s %d %d", l.TraceID, l.SpanID, l.TraceState,
			pairs(l.Attributes()), l.DroppedAttributes, l.Flags)
	}
	return out
}

func pSpan(s ptrace.Span) string {
	out := fmt.Sprintf("%x %x %x %q %q %d %d %q %d %d %d %s %d %d %d %d %d %d", [16]byte(s.TraceID()),
		[8]byte(s.SpanID()), [8]byte(s.ParentSpanID()), s.TraceState().AsRaw(), s.Name(),
		int32(s.Kind()), int32(s.Status().Code()), s.Status().Message(), uint64(s.StartTimestamp()),
		uint64(s.EndTimestamp()), s.Flags(), pPairs(s.Attributes()), s.Attributes().Len(),
		s.Events().Len(), s.Links().Len(), s.DroppedAttributesCount(), s.DroppedEventsCount(),
		s.DroppedLinksCount())
	for _, e := range s.Events().All() {
		out += fmt.Sprintf("\nevent %d %q %s %d", uint64(e.Timestamp()), e.Name(),
			pPairs(e.Attributes()), e.DroppedAttributesCount())
	}
	for _, l := range s.Links().All() {
		out += fmt.Sprintf("\nlink %x %x %q %s %d %d", [16]byte(l.TraceID()), [8]byte(l.SpanID()),
			l.TraceState().AsRaw(), pPairs(l.Attributes()), l.DroppedAttributesCount(), l.Flags())
	}
	return out
}

func recordOf(l *wire.LogRecord) string {
	return fmt.Sprintf("%d %d %d %q %q %s %x %x %d %s %d", l.TimeUnixNano, l.ObservedUnixNano,
		l.SeverityNumber, l.SeverityText, l.EventName, show(l.Body), l.TraceID, l.SpanID, l.Flags,
		pairs(l.Attributes()), l.DroppedAttributes)
}

func pRecord(l plog.LogRecord) string {
	return fmt.Sprintf("%d %d %d %q %q %s %x %x %d %s %d", uint64(l.Timestamp()),
		uint64(l.ObservedTimestamp()), int32(l.SeverityNumber()), l.SeverityText(), l.EventName(),
		pShow(l.Body()), [16]byte(l.TraceID()), [8]byte(l.SpanID()), uint32(l.Flags()),
		pPairs(l.Attributes()), l.DroppedAttributesCount())
}

// shape is a message type: the message types of its fields by number.
type shape map[protowire.Number]shape

var traceShape, logShape = shapes()

func shapes() (traces, logs shape) {
	value, pair := shape{}, shape{}
	pair[2] = value
	value[5], value[6] = shape{1: value}, shape{1: pair}
	resource, scope := shape{1: pair, 3: {}}, shape{3: pair}
	request := func(item shape) shape {
		s := shape{1: scope, 2: item}
		return shape{1: {1: resource, 2: s, 1000: s}}
	}
	span := shape{9: pair, 11: {3: pair}, 13: {4: pair}, 15: {}}
	return request(span), request(shape{5: value, 6: pair})
}

// outside says whether b holds a group, a field 1 more than MaxPieces times where it may be a
// resource or scope, or both current and deprecated scopes: see the top.
func outside(b []byte, m shape) bool {
	current, deprecated, ones := false, false, 0
	for len(b) > 0 {
		tag, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		num := protowire.Number(int32(tag >> 3))
		current, deprecated = current || num == 2, deprecated || num == 1000 && m[1000] != nil
		if current && deprecated {
			return true
		}
		switch tag & 7 {
		case 0:
			_, n = protowire.ConsumeVarint(b)
		case 1:
			n = 8
		case 2:
			var sub []byte
			if num == 1 && m[2] != nil {
				if ones++; ones > wire.MaxPieces {
					return true
				}
			}
			if sub, n = protowire.ConsumeBytes(b); n >= 0 && m[num] != nil && outside(sub, m[num]) {
				return true
			}
		case 5:
			n = 4
		case 3, 4:
			return true
		default:
			return false // there is no such wire type: both refuse it
		}
		if n < 0 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return false
}
