package store

// Log records that name no span. Whose part one is, genai.Place says of it and the spans of its trace together, at each read, so that
// it matters neither which came first nor what comes later. Every read of fragments goes through placed, or where it has the spans
// already through settled; the rows say of themselves no more than what their sender said.
//
// A record that names no trace either lies under the trace zero at its time, and is found by its ids: tiedRecords. Only where a span of
// a dialect that sends such is there they are looked for: whoever reads knows by the spans that it has.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

const (
	noTrace = `toFixedString('', 16)`
	noSpan  = `toFixedString('', 8)`
)

// recordColumns say whose part a record is, in the order in which record scans them.
const recordColumns = `trace_id, span_id, time, operation, response_id, call_id, turn, sequence`

var uniqueBytes = strconv.Itoa(genai.UniqueIDBytes)

// apartDialects is the list of genai.ApartDialects.
var apartDialects = "('" + strings.Join(genai.ApartDialects, "', '") + "')"

// idsOfNamed are the ids of responses and of executions of tools by which records without a trace are told to be a part of the traces
// that are named. Shorter ones may be anybody's.
var idsOfNamed = `
      SELECT arrayJoin(arrayFilter(x -> length(x) >= ` + uniqueBytes + `, [response_id, tool_call_id])) FROM spans
      WHERE project = {project:String} AND dialect IN ` + apartDialects + ` AND trace_id IN (` + namedTraces + `)
        AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
        AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})`

// tiedRecords are the records without a trace that are tied to the traces that are named by an id, or by another record of their turn.
var tiedRecords = `trace_id = ` + noTrace + ` AND (response_id IN (` + idsOfNamed + `) OR call_id IN (` + idsOfNamed + `) OR turn IN
    (
      SELECT turn FROM fragments WHERE project = {project:String} AND trace_id = ` + noTrace + ` AND turn != ''` + recordsBetween + `
        AND response_id IN (` + idsOfNamed + `)
    ))`

// recordsOfNamed are the log records of the traces that are named; apart: with those that name no trace, for which one of the traces
// must have a span of genai.ApartDialects.
func recordsOfNamed(apart bool) string {
	if !apart {
		return `
WHERE project = {project:String}` + recordsBetween + `
  AND trace_id IN (` + namedTraces + `)`
	}
	return `
WHERE project = {project:String}` + recordsBetween + `
  AND (trace_id IN (` + namedTraces + `) OR ` + tiedRecords + `)`
}

// headColumnList are the columns of spans that say whether a record is a part of one, and whose usage counts.
const headColumnList = `trace_id, span_id, parent_span_id, start, duration_ns, operation, request_model, response_model, response_id, tool_call_id, dialect,
    usage_rollup, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens`

const headsOfTraces = `
SELECT ` + headColumnList + `
FROM spans
WHERE project = {project:String} AND trace_id IN (` + namedTraces + `)
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32}`

// record is what of a log record says whose part it is.
type record struct {
	trace  genai.TraceID
	span   genai.SpanID
	head   genai.RecordHead
	joined bool // the record named no span, and was given one
}

// scan reads recordColumns and what columns come after them.
func (c *record) scan(r driver.Rows, more ...any) error {
	var trace, span, op string
	h := &c.head
	err := r.Scan(append([]any{&trace, &span, &h.Time, &op, &h.ResponseID, &h.CallID, &h.Turn.ID, &h.Turn.Sequence}, more...)...)
	copy(c.trace[:], trace)
	copy(c.span[:], span)
	h.TraceID, h.Operation = c.trace, genai.Operation(op)
	return err
}

// apart reports whether records may belong to spans of the dialect that name no trace.
func apart(dialect string) bool { return slices.Contains(genai.ApartDialects, dialect) }

func (c *record) nameless() bool { return c.span.IsZero() }

// scanHead reads headColumnList and what columns come after them.
func scanHead(r driver.Rows, s *genai.SpanHead, more ...any) (trace genai.TraceID, err error) {
	var id, span, parent, op, dialect string
	var rollup uint8
	var duration int64
	var counts [5]int64
	err = r.Scan(append([]any{
		&id, &span, &parent, &s.Start, &duration, &op, &s.RequestModel, &s.ResponseModel, &s.ResponseID, &s.CallID, &dialect, &rollup,
		&counts[0], &counts[1], &counts[2], &counts[3], &counts[4],
	}, more...)...)
	copy(trace[:], id)
	copy(s.SpanID[:], span)
	copy(s.ParentSpanID[:], parent)
	s.Start = s.Start.UTC()
	s.End, s.Operation = s.Start.Add(time.Duration(duration)), genai.Operation(op)
	s.Wrapper, s.Usage.Rollup, s.Apart = rollup != 0, rollup != 0, apart(dialect)
	knownCounts(&s.Usage, &counts)
	return trace, err
}

// heads reads the spans of traces. None: there are more than MaxTraceSpans of them, and nobody can say whose a record is.
func (s *Store) heads(ctx context.Context, project string, traces []genai.TraceID, tr traceRange) (out genai.TraceHeads, err error) {
	out = genai.TraceHeads{}
	ps := params{{"project", project}, {"traces", traceNames(traces)}, nanoParam("from", tr.from), nanoParam("to", tr.to), {"limit", strconv.Itoa(MaxTraceSpans + 1)}}
	n := 0
	err = s.each(ctx, "heads", headsOfTraces, ps, func(r driver.Rows) error {
		var one genai.SpanHead
		trace, err := scanHead(r, &one)
		out[trace] = append(out[trace], one)
		n++
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the spans that log records belong to: %w", err)
	}
	if n > MaxTraceSpans {
		return nil, nil
	}
	return out, nil
}

// placed gives the records of traces that name no span the one that they are a part of; of gives the record of an element. One that is
// a part of none keeps the span zero when it names its trace, and is left out when it does not.
func placed[T any](ctx context.Context, s *Store, project string, traces []genai.TraceID, tr traceRange, list []T, of func(*T) *record) ([]T, error) {
	if !slices.ContainsFunc(list, func(e T) bool { return of(&e).nameless() }) {
		return list, nil
	}
	heads, err := s.heads(ctx, project, traces, tr)
	if err != nil {
		return nil, err
	}
	return settled(heads, list, of), nil
}

// settled is placed with the spans at hand. A record without a trace comes once for each trace that it is a part of.
func settled[T any](heads genai.TraceHeads, list []T, of func(*T) *record) []T {
	var asked []genai.RecordHead
	for i := range list {
		if r := of(&list[i]); r.nameless() {
			asked = append(asked, r.head)
		}
	}
	places := heads.Place(asked)
	out := make([]T, 0, len(list))
	n := -1
	for i := range list {
		if !of(&list[i]).nameless() {
			out = append(out, list[i])
			continue
		}
		n++
		if len(places[n]) == 0 && !of(&list[i]).trace.IsZero() {
			out = append(out, list[i])
		}
		for _, at := range places[n] {
			one := list[i]
			of(&one).trace, of(&one).span, of(&one).joined = at.TraceID, at.SpanID, true
			out = append(out, one)
		}
	}
	return out
}
