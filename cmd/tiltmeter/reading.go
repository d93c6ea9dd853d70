package main

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
)

// spanReader tells the API how stored spans are read. It has a Normalizer of its own, with the limits and rules of the writer's:
// what is only looked at counts in no metric.
type spanReader struct{ norm *dialect.Normalizer }

func newSpanReader(a *app) spanReader {
	return spanReader{a.s.normalizer(nil)}
}

// Read implements api.Reader.
func (v spanReader) Read(raw *store.RawSpan, stored *genai.Span) (api.Reading, error) {
	var s genai.Span
	in := wire.ReadTraces(request(raw.Resource, raw.Scope, raw.Span))
	if !in.Next() {
		return api.Reading{}, errors.New("a stored span cannot be read: its raw form is no span")
	}
	account := v.norm.Account(&s, in.Resource(), in.Scope(), in.Span())
	var fragments []dialect.Fragment
	var alone []dialect.Source
	for i, l := range raw.Logs {
		it := wire.ReadLogs(request(l.Resource, l.Scope, l.Record))
		if !it.Next() {
			return api.Reading{}, fmt.Errorf("log record %d of a stored span cannot be read: its raw form is no log record", i)
		}
		f := dialect.Fragment{Number: i + 1}
		var ok bool
		if f.Account, ok = v.norm.AccountLog(&f.Span, it.Resource(), it.Scope(), it.Record()); ok {
			fragments = append(fragments, f)
		} else {
			alone = append(alone, dialect.Source{Event: f.Span.Name, Record: i + 1, Outcome: dialect.Ignored})
		}
	}
	account.Merge(&s, fragments)
	s.MissingContent(genai.AnyContent(s.Input), genai.AnyContent(s.Output), len(fragments) > 0)
	out := api.Reading{Warnings: s.Warnings, Differing: dialect.Differences(stored, &s)}
	for _, d := range account.Dialects {
		out.Dialects = append(out.Dialects, api.SpokenDialect(d))
	}
	for _, src := range slices.Concat(account.Sources, alone) {
		out.Sources = append(out.Sources, api.ReadingSource{
			Event: src.Event, Record: src.Record, Key: src.Key, Dialect: src.Dialect, Rule: src.Rule, Outcome: string(src.Outcome), Fields: src.Fields,
			Value: src.Value, Cut: src.Cut,
		})
	}
	return out, nil
}

// request puts a span or log record into its scope, resource and request: the numbers of the fields are those of both
// signals.
func request(resource, scope, item []byte) []byte {
	field := func(dst []byte, number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(dst, number, protowire.BytesType), value)
	}
	group := field(field(nil, 1, scope), 2, item)
	return field(nil, 1, field(field(nil, 1, resource), 2, group))
}
