package store

// Model calls with what they were given, of many traces at once: what analyzers score.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

const (
	// MaxAnswerTraces bounds the traces of one call of Answers.
	MaxAnswerTraces = 256
	// maxAnswerSpans bounds the spans that Answers reads at once, of one trace or of many.
	maxAnswerSpans = 20_000
	// maxAnswerRecords bounds the log records that are merged into them.
	maxAnswerRecords = 20_000
	// answerBudget is for the different texts of one call, bytes.
	answerBudget = 64 << 20
)

// Calls of models and agents answer; retrievals and tools are what they were given.
var answerSpans = `SELECT trace_id, ` + spanColumnList + `
FROM spans
WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND trace_id IN (` + namedTraces + `)
  AND operation IN (` + messageOperations + `, 'invoke_agent', ` + sourceOperations + `)
ORDER BY trace_id, start, span_id, ` + latest + ` LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32}`

// StoredSpan is a span with its contents and the time under which it is stored.
type StoredSpan struct {
	genai.Span
	Stored time.Time
}

// AnswerTrace asks for the calls of a trace that ended at or after a time, and for some by name, whenever that was.
type AnswerTrace struct {
	ID    genai.TraceID
	Since time.Time // zero: all
	Spans map[genai.SpanID]bool
}

// TraceAnswers is a trace as analyzers see it.
type TraceAnswers struct {
	ID genai.TraceID
	// Spans are by start: the calls that ended at or after what was asked for, and all retrievals and tools.
	Spans []StoredSpan
	// Truncated says that there is more than one call reads: spans, log records or texts are left out.
	Truncated bool
}

// Answers reads traces of a project for analyzers, at most MaxAnswerTraces of them, in the order asked for; those that
// hold nothing to score are left out. Texts are read up to a budget: what lies beyond it comes Truncated, so ask again for
// fewer traces.
func (s *Store) Answers(ctx context.Context, project string, traces []AnswerTrace) ([]TraceAnswers, error) {
	if len(traces) == 0 || len(traces) > MaxAnswerTraces {
		return nil, fmt.Errorf("read answers of %d traces: want 1 to %d", len(traces), MaxAnswerTraces)
	}
	ids := make([]genai.TraceID, len(traces))
	asked := make(map[genai.TraceID]*AnswerTrace, len(traces))
	for i := range traces {
		ids[i], asked[traces[i].ID] = traces[i].ID, &traces[i]
	}
	tr, found, err := s.rangeOf(ctx, project, ids)
	if err != nil || !found {
		return nil, err
	}
	ps := params{{"project", project}, {"traces", traceNames(ids)}, nanoParam("from", tr.from), nanoParam("to", tr.to), {"limit", strconv.Itoa(maxAnswerSpans + 1)}}
	var rows []spanRow
	err = s.each(ctx, "Answers", answerSpans, ps, func(r driver.Rows) error {
		var w spanRow
		var trace string
		if err := w.scan(r, project, genai.TraceID{}, &trace); err != nil {
			return err
		}
		copy(w.TraceID[:], trace)
		if t := asked[w.TraceID]; !w.Operation.IsSource() && w.End.Before(t.Since) && !t.Spans[w.SpanID] {
			return nil
		}
		rows = append(rows, w)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	cut := len(rows) > maxAnswerSpans
	rows = rows[:min(len(rows), maxAnswerSpans)]
	if len(rows) == 0 {
		return nil, nil
	}
	return s.answersOf(ctx, project, ids, tr, rows, cut)
}

// tracesWithAnswers are those with a span that answers, in the order of their ids, an hour at a time.
var tracesWithAnswers = `
SELECT DISTINCT trace_id FROM spans
WHERE project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})
  AND operation IN (` + messageOperations + `, 'invoke_agent')
  AND trace_id > toFixedString(unhex({after:String}), 16)
ORDER BY trace_id LIMIT {limit:UInt32}`

// AnswerTraces lists traces with a span that answers and starts in [from, to), by id behind after, at most MaxAnswerTraces.
func (s *Store) AnswerTraces(ctx context.Context, project string, from, to time.Time, after genai.TraceID) (list []AnswerTrace, err error) {
	lo, hi := bounds(from, to)
	ps := params{{"project", project}, nanoParam("from", lo), nanoParam("to", hi), {"after", after.String()}, {"limit", strconv.Itoa(MaxAnswerTraces)}}
	err = s.each(ctx, "AnswerTraces", tracesWithAnswers, ps, func(r driver.Rows) error {
		var id string
		err := r.Scan(&id)
		list = append(list, AnswerTrace{ID: genai.TraceID([]byte(id))})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list traces that answer: %w", err)
	}
	return list, nil
}

// answersOf fills in contents and puts the spans of each trace together. cut says that rows are missing: of the last trace,
// and of those behind it.
func (s *Store) answersOf(ctx context.Context, project string, ids []genai.TraceID, tr traceRange, rows []spanRow, cut bool) ([]TraceAnswers, error) {
	logsApart := slices.ContainsFunc(rows, func(w spanRow) bool { return apart(w.Dialect) })
	frags, _, err := s.fragmentsOf(ctx, project, ids, tr, logsApart, maxAnswerRecords+1)
	if err != nil {
		return nil, err
	}
	more := len(frags) > maxAnswerRecords
	frags = frags[:min(len(frags), maxAnswerRecords)]
	stored := make([]time.Time, len(rows))
	for i := range rows {
		stored[i] = rows[i].Start
	}
	spans, short, err := s.whole(ctx, rows, frags, answerBudget)
	if err != nil {
		return nil, err
	}
	by := make(map[genai.TraceID]*TraceAnswers, len(ids))
	for i := range rows {
		t := by[rows[i].TraceID]
		if t == nil {
			t = &TraceAnswers{ID: rows[i].TraceID, Truncated: more || short}
			by[t.ID] = t
		}
		if i < len(spans) {
			t.Spans = append(t.Spans, StoredSpan{spans[i], stored[i]})
		}
	}
	by[rows[len(rows)-1].TraceID].Truncated = cut || more || short
	out := make([]TraceAnswers, 0, len(ids))
	for _, id := range ids {
		if t := by[id]; t != nil {
			slices.SortStableFunc(t.Spans, func(a, b StoredSpan) int { return a.Start.Compare(b.Start) })
			out = append(out, *t)
			delete(by, id) // asked for twice
		} else if cut {
			out = append(out, TraceAnswers{ID: id, Truncated: true})
		}
	}
	return out, nil
}
