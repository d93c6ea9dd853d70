package store

// What analyzers say of spans: stored as they score, read with a trace, counted over time and by the fields of its spans.

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Signal is what an analyzer says of a span.
type Signal struct {
	SpanID      genai.SpanID
	Name        string
	Analyzer    string
	Version     int
	Score       float64
	Probability float64
	Label       string
	Evidence    string // JSON, a list
	ScoredAt    time.Time
}

// SignalBatch collects signals column by column. It is reusable, and for one goroutine at a time.
type SignalBatch struct {
	table signalColumns
	block block
}

// NewSignalBatch makes an empty batch.
func (s *Store) NewSignalBatch() *SignalBatch {
	b := &SignalBatch{}
	b.table.init()
	return b
}

// Rows is how many signals there are.
func (b *SignalBatch) Rows() int { return b.table.rows }

// Reset empties the batch and keeps its memory.
func (b *SignalBatch) Reset() { b.table.reset() }

// Add adds a signal of a span that was read from this store: under the span's place there, as sent times are.
func (b *SignalBatch) Add(of *StoredSpan, g *Signal) {
	c, s := &b.table, &of.Span
	c.project.str(s.Project)
	c.time.i64(of.Stored.UnixNano())
	c.traceID.bytes(s.TraceID[:])
	c.spanID.bytes(s.SpanID[:])
	c.signal.str(g.Name)
	c.analyzer.str(g.Analyzer)
	c.version.u32(uint32(g.Version)) //nolint:gosec // small
	c.score.u64(math.Float64bits(finite(g.Score)))
	c.probability.u64(math.Float64bits(finite(g.Probability)))
	c.label.str(g.Label)
	c.evidence.str(g.Evidence)
	c.service.str(s.Service.Name)
	c.environment.str(s.Service.Environment)
	c.operation.str(string(s.Operation))
	c.model.str(s.Model())
	c.agent.str(s.Agent.Name)
	c.promptName.str(s.Prompt.Name)
	c.promptVersion.str(s.Prompt.Version)
	c.scoredAt.i64(g.ScoredAt.UnixMilli())
	c.rows++
}

// finite keeps sums sums: what is no number counts as nothing.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// InsertSignals stores the batch. A row replaces those that were scored before of the same span and signal, so that after
// any error the same rows may be inserted again.
func (s *Store) InsertSignals(ctx context.Context, b *SignalBatch, token string) error {
	return s.insert(ctx, &b.block, &b.table.table, token)
}

type signalColumns struct {
	table
	project, signal, analyzer, label lowCol
	time                             timeCol
	traceID                          hashCol
	spanID                           idCol
	version                          u32Col
	score, probability               floatCol
	evidence                         stringCol
	service, environment, operation  lowCol
	model, agent                     lowCol
	promptName, promptVersion        lowCol
	scoredAt                         millisCol
}

func (c *signalColumns) init() {
	c.name = "signals"
	c.columns = []namedColumn{
		{"project", &c.project},
		{"time", &c.time},
		{"trace_id", &c.traceID},
		{"span_id", &c.spanID},
		{"signal", &c.signal},
		{"analyzer", &c.analyzer},
		{"version", &c.version},
		{"score", &c.score},
		{"probability", &c.probability},
		{"label", &c.label},
		{"evidence", &c.evidence},
		{"service", &c.service},
		{"environment", &c.environment},
		{"operation", &c.operation},
		{"model", &c.model},
		{"agent_name", &c.agent},
		{"prompt_name", &c.promptName},
		{"prompt_version", &c.promptVersion},
		{"scored_at", &c.scoredAt},
	}
}

const signalsWhere = `
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND ({span:String} = '' OR span_id = unhex({span:String}))`

const signalsOfTrace = `
SELECT span_id, signal, analyzer, version, score, probability, label, evidence, scored_at
FROM signals` + signalsWhere + `
ORDER BY time, span_id, signal, scored_at DESC LIMIT 1 BY span_id, signal LIMIT {limit:UInt32}`

// MaxTraceSignals bounds what Signals returns.
const MaxTraceSignals = 20_000

// Signals returns what analyzers say of the spans of a trace, or of one of them, by start and name: the latest of each. more
// says that there are further ones. A trace that is not there is ErrNotFound.
func (s *Store) Signals(ctx context.Context, project string, trace genai.TraceID, span genai.SpanID) (list []Signal, more bool, err error) {
	tr, err := s.traceRange(ctx, project, trace)
	if err != nil {
		return nil, false, err
	}
	name := ""
	if !span.IsZero() {
		name = hexSpan(span)
	}
	ps := append(tr.params(project, trace), param{"span", name}, param{"limit", strconv.Itoa(MaxTraceSignals + 1)})
	err = s.each(ctx, "Signals", signalsOfTrace, ps, func(r driver.Rows) error {
		var g Signal
		var id string
		var version uint32
		err := r.Scan(&id, &g.Name, &g.Analyzer, &version, &g.Score, &g.Probability, &g.Label, &g.Evidence, &g.ScoredAt)
		copy(g.SpanID[:], id)
		g.Version, g.ScoredAt = int(version), g.ScoredAt.UTC()
		list = append(list, g)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read signals of trace %s: %w", trace, err)
	}
	if len(list) > MaxTraceSignals {
		return list[:MaxTraceSignals], true, nil
	}
	return list, false, nil
}

// MaxDetectionTraces bounds the traces that Detections looks at together.
const MaxDetectionTraces = MaxPage

// A trace of more steps of time than this is looked at from its first to its last.
const maxDetectionSteps = 4 * MaxDetectionTraces

// The steps are named, so that a list of a long time reads no more than its traces.
const detections = `
SELECT trace_id, signal, count()
FROM
(
  SELECT trace_id, signal, probability FROM signals
  WHERE project = {project:String} AND trace_id IN (` + namedTraces + `)
    AND toStartOfFiveMinutes(time) %s
  ORDER BY project, toStartOfFiveMinutes(time), trace_id, span_id, signal, scored_at DESC
  LIMIT 1 BY trace_id, span_id, signal
)
WHERE probability >= 0.5
GROUP BY trace_id, signal ORDER BY trace_id, signal`

// Detection is a signal that says of some spans of a trace that something is there.
type Detection struct {
	Signal string
	Spans  int64 // with a probability of at least one half
}

// Detections returns what analyzers found in traces, by the name of the signal. Of more than MaxDetectionTraces it is an error.
func (s *Store) Detections(ctx context.Context, project string, traces []TraceSummary) (map[genai.TraceID][]Detection, error) {
	if len(traces) == 0 {
		return nil, nil
	}
	if len(traces) > MaxDetectionTraces {
		return nil, fmt.Errorf("look up detections of %d traces: want at most %d", len(traces), MaxDetectionTraces)
	}
	const step = int64(5 * time.Minute)
	ids := make([]genai.TraceID, len(traces))
	steps, least, most := map[int64]bool{}, int64(math.MaxInt64), int64(0)
	for i := range traces {
		ids[i] = traces[i].TraceID
		from, to := bounds(traces[i].Start, traces[i].End)
		least, most = min(least, from), max(most, to)
		for at := from - from%step; at <= to && len(steps) <= maxDetectionSteps; at += step {
			steps[at/int64(time.Second)] = true
		}
	}
	ps := params{{"project", project}, {"traces", traceNames(ids)}}
	when := "IN (SELECT toDateTime(arrayJoin(splitByChar(',', {steps:String}))::UInt32, 'UTC'))"
	if len(steps) <= maxDetectionSteps {
		var b strings.Builder
		for _, at := range slices.Sorted(maps.Keys(steps)) {
			fmt.Fprintf(&b, ",%d", at)
		}
		ps = append(ps, param{"steps", b.String()[1:]})
	} else {
		when = "BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))"
		ps = append(ps, nanoParam("from", least), nanoParam("to", most))
	}
	found := map[genai.TraceID][]Detection{}
	err := s.each(ctx, "Detections", fmt.Sprintf(detections, when), ps, func(r driver.Rows) error {
		var id string
		var d Detection
		var n uint64
		err := r.Scan(&id, &d.Signal, &n)
		d.Spans = int64(n)
		trace := genai.TraceID([]byte(id))
		found[trace] = append(found[trace], d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up detections of %d traces: %w", len(ids), err)
	}
	return found, nil
}

// SignalQuery asks about signals of spans that start in [From, To).
type SignalQuery struct {
	Project  string
	From, To time.Time
	Signal   string // its name; "" for all
	Filter   Filter // of the spans
}

// SignalCounts is what some signals sum up to.
type SignalCounts struct {
	Signal      string
	Value       string // of the field that they are broken down by
	Start       time.Time
	Count       int64
	Found       int64   // with a probability of at least one half
	Probability float64 // sum
	Score       float64 // sum
	Squares     float64 // sum of the squares of scores
	Low, High   float64 // least and greatest score
	Labels      map[string]int64
}

// scoredSignals are the latest of each span and signal.
const scoredSignals = `
  SELECT time, signal, score, probability, label, %[1]s AS value
  FROM signals
  WHERE project = {project:String} AND ({signal:String} = '' OR signal = {signal:String})
    AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND time >= fromUnixTimestamp64Nano({from:Int64}) AND time < fromUnixTimestamp64Nano({to:Int64})%[2]s
  ORDER BY project, toStartOfFiveMinutes(time), trace_id, span_id, signal, scored_at DESC
  LIMIT 1 BY trace_id, span_id, signal`

// The labels are counted in a map, so that one statement tells all.
const signalCounts = `
SELECT signal, toString(value) AS value, intDiv(toUnixTimestamp64Nano(time) - {from:Int64}, {step:Int64}) AS bucket,
  count() AS n, countIf(probability >= 0.5), sum(probability), sum(score), sum(score * score), min(score), max(score),
  CAST(sumMap([toString(label)], [toUInt64(1)]), 'Map(String, UInt64)')
FROM
(` + scoredSignals + `
)
GROUP BY signal, value, bucket
ORDER BY signal, bucket, n DESC, value LIMIT {limit:UInt32}`

// spansOfSignals are those that match a filter.
const spansOfSignals = `
    AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE project = {project:String}
      AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
      AND %s)`

// MaxSignalRows bounds the rows of a series or breakdown.
const MaxSignalRows = 10_000

// signalFields are what signals can be broken down by, and the columns that hold them.
var signalFields = map[string]string{
	"service": "service", "environment": "environment", "operation": "operation", "model": "model", "agent": "agent_name",
	"prompt.name": "prompt_name", "prompt.version": "prompt_version", "label": "label",
}

// SignalFields are the names of the fields that signals can be broken down by, sorted.
func SignalFields() []string {
	names := make([]string, 0, len(signalFields))
	for n := range signalFields {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// SignalSeries sums signals up in steps of time, by signal and step. Steps without a signal are left out.
func (s *Store) SignalSeries(ctx context.Context, q SignalQuery, step time.Duration) ([]SignalCounts, bool, error) {
	if step <= 0 {
		return nil, false, fmt.Errorf("count signals in steps of %s: want a step above zero", step)
	}
	return s.signalCounts(ctx, "SignalSeries", q, "''", step)
}

// SignalBreakdown sums signals up by the values of a field of their spans, those with most signals first. A
// field that is none of SignalFields is a *FilterError.
func (s *Store) SignalBreakdown(ctx context.Context, q SignalQuery, by string) ([]SignalCounts, bool, error) {
	column, ok := signalFields[by]
	if !ok {
		return nil, false, &FilterError{Expr: by, Why: "no such field of signals: want one of " + strings.Join(SignalFields(), ", ")}
	}
	return s.signalCounts(ctx, "SignalBreakdown", q, column, time.Duration(math.MaxInt64))
}

func (s *Store) signalCounts(ctx context.Context, method string, q SignalQuery, column string, step time.Duration) (list []SignalCounts, more bool, err error) {
	from, to := bounds(q.From, q.To)
	ps := params{{"project", q.Project}, {"signal", q.Signal}, nanoParam("from", from), nanoParam("to", to), nanoParam("step", int64(step)), {"limit", strconv.Itoa(MaxSignalRows + 1)}}
	cond := ""
	if w := q.Filter.build(); len(w.sql) > 0 {
		cond = fmt.Sprintf(spansOfSignals, strings.Join(w.sql, " AND "))
		ps = append(append(ps, nanoParam("until", to)), w.params...)
	}
	err = s.each(ctx, method, fmt.Sprintf(signalCounts, column, cond), ps, func(r driver.Rows) error {
		var c SignalCounts
		var bucket int64
		var n, found uint64
		var labels map[string]uint64
		err := r.Scan(&c.Signal, &c.Value, &bucket, &n, &found, &c.Probability, &c.Score, &c.Squares, &c.Low, &c.High, &labels)
		c.Start = time.Unix(0, from+bucket*int64(step)).UTC()
		c.Count, c.Found, c.Labels = int64(n), int64(found), make(map[string]int64, len(labels))
		for label, n := range labels {
			if label != "" {
				c.Labels[label] = int64(n) //nolint:gosec // a count of rows
			}
		}
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("count signals: %w", err)
	}
	if len(list) > MaxSignalRows {
		return list[:MaxSignalRows], true, nil
	}
	return list, false, nil
}
