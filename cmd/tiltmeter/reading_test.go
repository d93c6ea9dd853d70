package main

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// wireItem is a span or a log record as protobuf, by the numbers that its fields have there.
func wireItem(traceField, spanField, attrField protowire.Number, attrs ...string) (b []byte) {
	field := func(dst []byte, n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), v)
	}
	b = field(field(nil, traceField, slices.Repeat([]byte{7}, 16)), spanField, slices.Repeat([]byte{7}, 8))
	for i := 0; i+1 < len(attrs); i += 2 {
		b = field(b, attrField, field(field(nil, 1, []byte(attrs[i])), 2, field(nil, 1, []byte(attrs[i+1]))))
	}
	return b
}

// TestSpanReader: what is stored is told as today's dialects read it, the records by their place, and what differs from
// what an older version stored.
func TestSpanReader(t *testing.T) {
	t.Parallel()
	v := spanReader{dialect.New(dialect.Options{})}
	span := wireItem(1, 2, 9, "gen_ai.operation.name", "chat", "gen_ai.request.model", "m", "mine", strings.Repeat("x", 1000))
	raw := &store.RawSpan{Span: span, Logs: []store.RawLog{
		{Record: wireItem(9, 10, 6, "event.name", "app.started")},
		{Record: wireItem(9, 10, 6, "event.name", "gen_ai.user.message", "gen_ai.system", "openai", "content", "hi")},
	}}
	it := wire.ReadTraces(request(nil, nil, span))
	it.Next()
	var stored genai.Span
	v.norm.Span(&stored, it.Resource(), it.Scope(), it.Span())
	got, err := v.Read(raw, &stored)
	if err != nil {
		t.Fatal(err)
	}
	line := func(s api.ReadingSource) string {
		return strings.TrimSpace(strings.Join([]string{s.Event, s.Key, s.Outcome, strings.Join(s.Fields, ",")}, " "))
	}
	byRecord := map[int][]string{}
	for _, s := range got.Sources {
		byRecord[s.Record] = append(byRecord[s.Record], line(s))
		if s.Cut != (s.Key == "mine") || len(s.Value) > dialect.PreviewBytes {
			t.Errorf("%s: %d bytes, cut %v", s.Key, len(s.Value), s.Cut)
		}
	}
	for record, want := range map[int]string{0: "mine ignored", 1: "app.started  ignored", 2: "gen_ai.user.message gen_ai.system filled Provider"} {
		if !slices.Contains(byRecord[record], want) {
			t.Errorf("record %d: %q is not in %q", record, want, byRecord[record])
		}
	}
	if want := []string{"Provider", "Input"}; !slices.Equal(got.Differing, want) { // the store would have merged the record
		t.Errorf("stored otherwise: %v, want %v", got.Differing, want)
	}
}

// TestSpanReaderOfNoise: what is no span, or no log record, is an error and no panic.
func TestSpanReaderOfNoise(t *testing.T) {
	t.Parallel()
	v := spanReader{dialect.New(dialect.Options{})}
	span := wireItem(1, 2, 9)
	for name, raw := range map[string]*store.RawSpan{
		"a span":   {Span: []byte("\xff\xff nonsense")},
		"a record": {Span: span, Logs: []store.RawLog{{Record: []byte("\xff\xff nonsense")}}},
		"nothing":  {},
	} {
		if _, err := v.Read(raw, &genai.Span{}); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
