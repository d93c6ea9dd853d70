package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

// Sizes of pages.
const (
	DefaultPage = 50
	MaxPage     = 500
)

const (
	// firstWindow is how far back a list looks at first; it looks four times as far each time that
	// this does not fill the page, so that the newest page of a long range is as fast as of a short one.
	firstWindow = time.Hour
	// minBatch is the least number of candidates that are looked at together.
	minBatch = 20
	// matchSlack is how long after its trace began a span is still found by a filter.
	matchSlack = 24 * time.Hour
)

const traceCandidates = `
SELECT trace_id, min(start) AS first
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))%s
GROUP BY trace_id
HAVING first >= fromUnixTimestamp64Nano({from:Int64})
   AND (first, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
ORDER BY first DESC, trace_id DESC LIMIT {limit:UInt32}`

const summaryRange = `
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))`

const traceSummaries = `
SELECT trace_id, min(start), max(end), min(root), sum(spans), sum(genai_spans), sum(errors), sum(warnings),
    arraySort(groupUniqArrayArray(services)), arraySort(groupUniqArrayArray(operations)), arraySort(groupUniqArrayArray(models)),
    arraySort(groupUniqArrayArray(agents)), arraySort(groupUniqArrayArray(tools)), arraySort(groupUniqArrayArray(prompt_versions)),
    max(environment), max(conversation), max(user),
    sum(input_tokens), sum(input_known), sum(output_tokens), sum(output_known), sum(cache_read_tokens), sum(cache_read_known),
    sum(cache_write_tokens), sum(cache_write_known), sum(reasoning_tokens), sum(reasoning_known),
    toString(sum(cost)), max(cost_currency), sum(unpriced), min(input_preview).2, max(output_preview).2
FROM traces
WHERE project = {project:String}
  AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16))
GROUP BY trace_id`

// The spans of one insert all have one time, however many traces they are of: the place in the list
// is the time with the trace.
const recentTraces = `
SELECT trace_id, max(inserted_at) AS stored FROM spans
WHERE project = {project:String} AND inserted_at >= fromUnixTimestamp64Nano({since:Int64})%s
GROUP BY trace_id
HAVING (stored, trace_id) > (fromUnixTimestamp64Nano({since:Int64}), toFixedString(unhex({after:String}), 16))
ORDER BY stored, trace_id LIMIT {limit:UInt32}`

// startingTraces are those that start in the range. A trace whose spans before the range are within
// matchSlack of it is known not to; a list, which looks at whole traces, is exact beyond that too.
const startingTraces = `
    SELECT trace_id, min(start) AS first, sum(errors) AS failed
    FROM traces
    WHERE project = {project:String}
      AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) - INTERVAL 24 HOUR AND toStartOfHour(fromUnixTimestamp64Nano({to:Int64}, 'UTC'))%s
    GROUP BY trace_id
    HAVING first >= fromUnixTimestamp64Nano({from:Int64}) AND first < fromUnixTimestamp64Nano({to:Int64})`

const traceHistogram = `
SELECT intDiv(toUnixTimestamp64Nano(first) - {from:Int64}, {step:Int64}) AS bucket, count(), countIf(failed > 0)
FROM (` + startingTraces + `
)
GROUP BY bucket ORDER BY bucket`

// A trace counts with all its spans, also with those that start after the range.
const facet = `
SELECT %s AS value, uniqExact(trace_id) AS n FROM spans
WHERE project = {project:String}
  AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})
  AND trace_id IN (SELECT trace_id FROM (` + startingTraces + `))
GROUP BY value HAVING value != '' ORDER BY n DESC, value LIMIT {limit:UInt32}`

// matchingTraces are those with a span that matches a filter.
const matchingTraces = `
  AND trace_id IN (SELECT trace_id FROM spans WHERE project = {project:String}
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64}) AND %s)`

// spotlessTraces are those without a span that failed.
const spotlessTraces = `
  AND trace_id NOT IN (SELECT trace_id FROM traces WHERE project = {project:String} AND errors > 0
    AND hour BETWEEN toStartOfHour(fromUnixTimestamp64Nano({from:Int64}, 'UTC')) AND toStartOfHour(fromUnixTimestamp64Nano({until:Int64}, 'UTC')))`

// A trace has one status, and is counted once.
const statusFacet = `
SELECT if(failed > 0, 'error', 'ok') AS value, count() AS n FROM (` + startingTraces + `)
GROUP BY value ORDER BY n DESC, value LIMIT {limit:UInt32}`

// position is a place between traces: those before it start earlier, or at the same time with a lesser id.
type position struct {
	nanos int64
	id    genai.TraceID
}

func nanoParam(name string, n int64) param { return param{name, strconv.FormatInt(n, 10)} }

// bounds are the query's, as far as the engine can tell times.
func bounds(from, to time.Time) (lo, hi int64) { return clampNano(from), clampNano(to) }

func pageSize(n int) int {
	if n <= 0 {
		return DefaultPage
	}
	return min(n, MaxPage)
}

// ListTraces lists traces, newest first.
func (s *Store) ListTraces(ctx context.Context, q TraceQuery) (page TracePage, err error) {
	limit := pageSize(q.Limit)
	match := func(lo, to int64) (match, error) { return s.match(ctx, q.Project, q.Filter, q.Words, lo, to) }
	err = s.walk(ctx, q, limit+1, match, func(batch []TraceSummary) (int, error) {
		page.Traces = append(page.Traces, batch...)
		return len(page.Traces), nil
	})
	if err != nil {
		return TracePage{}, err
	}
	if len(page.Traces) > limit {
		page.Traces = page.Traces[:limit]
		last := page.Traces[limit-1]
		page.Next = Cursor{Start: last.Start, TraceID: last.TraceID}
	}
	if err := s.usages(ctx, q.Project, page.Traces); err != nil {
		return TracePage{}, err
	}
	return page, s.previews(ctx, q.Project, page.Traces)
}

// walk hands the traces that match to add, newest first and a batch at a time, until there are want:
// add returns how many it has. What matches is asked for each window of time anew.
func (s *Store) walk(ctx context.Context, q TraceQuery, want int, match func(lo, to int64) (match, error), add func([]TraceSummary) (int, error)) error {
	from, to := bounds(q.From, q.To)
	at := position{nanos: to}
	if !q.After.IsZero() {
		at = position{clampNano(q.After.Start), q.After.TraceID}
	}
	for window, have := int64(firstWindow), 0; at.nanos >= from && have < want; window *= 4 {
		lo := max(from, at.nanos-window)
		m, err := match(lo, at.nanos)
		if err != nil {
			return err
		}
		if !m.nothing {
			if have, err = s.walkWindow(ctx, q.Project, lo, at, want, have, m, add); err != nil {
				return err
			}
		}
		if lo == from {
			break
		}
		at = position{nanos: lo}
	}
	return nil
}

// walkWindow hands on the traces that start in [lo, at) until there are want.
func (s *Store) walkWindow(ctx context.Context, project string, lo int64, at position, want, have int, m match, add func([]TraceSummary) (int, error)) (int, error) {
	for have < want {
		limit := max(want-have, minBatch)
		ids, starts, err := s.candidates(ctx, project, lo, at, limit, m)
		if err != nil {
			return have, err
		}
		found, err := s.summariesOf(ctx, project, ids)
		if err != nil {
			return have, err
		}
		batch := make([]TraceSummary, 0, len(ids))
		for i, id := range ids {
			// A trace that began before the window is listed where it began.
			if sum, ok := found[id]; ok && sum.Spans > 0 && sum.Start.UnixNano() == starts[i] {
				batch = append(batch, sum)
			}
		}
		if have, err = add(batch); err != nil {
			return have, err
		}
		if len(ids) < limit {
			break
		}
		at = position{starts[len(starts)-1], ids[len(ids)-1]}
	}
	return have, nil
}

func (s *Store) candidates(ctx context.Context, project string, lo int64, at position, limit int, m match) (ids []genai.TraceID, starts []int64, err error) {
	ps := append(slices.Clone(m.params), param{"project", project}, nanoParam("from", lo), nanoParam("to", at.nanos),
		param{"before", at.id.String()}, param{"limit", strconv.Itoa(limit)})
	err = s.each(bounding(ctx, m.many), "ListTraces", fmt.Sprintf(traceCandidates, m.sql), ps, func(r driver.Rows) error {
		var id string
		var first time.Time
		err := r.Scan(&id, &first)
		ids, starts = append(ids, genai.TraceID([]byte(id))), append(starts, first.UnixNano())
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list traces: %w", tooBroad(err))
	}
	return ids, starts, nil
}

// match is a condition on trace_id, with its parameters.
type match struct {
	sql     string
	params  params
	nothing bool // no trace can match
	many    bool // see holding
}

// untilOf is the time up to which spans are looked at for traces that start before to.
func untilOf(to int64) int64 { return min(maxTime, to+int64(matchSlack)) }

// match is the condition that a trace has a span that matches a filter, and holds words.
func (s *Store) match(ctx context.Context, project string, f Filter, words string, from, to int64) (m match, err error) {
	m.params = params{nanoParam("until", untilOf(to))}
	w := f.build()
	if w.spotless {
		m.sql = spotlessTraces
	}
	if len(w.sql) > 0 {
		m.sql += fmt.Sprintf(matchingTraces, strings.Join(w.sql, " AND "))
		m.params = append(m.params, w.params...)
	}
	if words == "" {
		return m, nil
	}
	h, err := s.holding(ctx, project, words, from, to)
	if err != nil || h.nothing {
		return match{nothing: true}, err
	}
	m.sql, m.many = m.sql+h.traces("", ""), h.many
	m.params = append(m.params, h.params...)
	return m, nil
}

func traceNames(ids []genai.TraceID) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(hex.EncodeToString(id[:]))
	}
	return b.String()
}

// summariesOf reads the summaries of traces, wherever in time they are.
func (s *Store) summariesOf(ctx context.Context, project string, ids []genai.TraceID) (map[genai.TraceID]TraceSummary, error) {
	found := make(map[genai.TraceID]TraceSummary, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	tr, _, err := s.rangeOf(ctx, project, ids)
	if err != nil {
		return nil, err
	}
	list, err := s.summaries(ctx, project, ids, tr)
	for i := range list {
		found[list[i].TraceID] = list[i]
	}
	return found, err
}

// rangeOf is the range of time in which the spans of traces start, and whether there are any.
func (s *Store) rangeOf(ctx context.Context, project string, ids []genai.TraceID) (tr traceRange, found bool, err error) {
	var first, last time.Time
	var n uint64
	err = s.each(ctx, "rangeOf", summaryRange, params{{"project", project}, {"traces", traceNames(ids)}}, func(r driver.Rows) error {
		return r.Scan(&first, &last, &n)
	})
	if err != nil {
		return tr, false, fmt.Errorf("look up %d traces: %w", len(ids), err)
	}
	return traceRange{first.UnixNano(), last.UnixNano()}, n > 0, nil
}

func (s *Store) summaries(ctx context.Context, project string, ids []genai.TraceID, tr traceRange) (list []TraceSummary, err error) {
	ps := params{{"project", project}, {"traces", traceNames(ids)}, nanoParam("from", tr.from), nanoParam("to", tr.to)}
	err = s.each(ctx, "summaries", traceSummaries, ps, func(r driver.Rows) error {
		var t TraceSummary
		err := t.scan(r)
		list = append(list, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %d trace summaries: %w", len(ids), err)
	}
	return list, nil
}

func (t *TraceSummary) scan(r driver.Rows) error {
	var id, cost string
	var root []any
	var n [5]uint64
	var sums [5]int64
	var known [5]uint64
	err := r.Scan(&id, &t.Start, &t.End, &root, &n[0], &n[1], &n[2], &n[3],
		&t.Services, &t.Operations, &t.Models, &t.Agents, &t.Tools, &t.PromptVersions,
		&t.Environment, &t.Conversation, &t.User,
		&sums[0], &known[0], &sums[1], &known[1], &sums[2], &known[2], &sums[3], &known[3], &sums[4], &known[4],
		&cost, &t.Cost.Currency, &n[4], &t.InputPreview, &t.OutputPreview)
	if err != nil {
		return err
	}
	t.TraceID = genai.TraceID([]byte(id))
	t.Start, t.End = t.Start.UTC(), t.End.UTC()
	t.Spans, t.GenAISpans, t.Errors, t.Warnings = int64(n[0]), int64(n[1]), int64(n[2]), int64(n[3]) //nolint:gosec // counts of rows
	t.Unpriced = int64(n[4])                                                                         //nolint:gosec // a count of rows
	if len(root) == 5 {
		missing, _ := root[0].(uint8)
		t.RootMissing = missing != 0
		t.RootName, _ = root[2].(string)
		t.RootService, _ = root[3].(string)
		op, _ := root[4].(string)
		t.RootOperation = genai.Operation(op)
	}
	for i, to := range []*genai.Tokens{&t.Usage.Input, &t.Usage.Output, &t.Usage.CacheRead, &t.Usage.CacheWrite, &t.Usage.Reasoning} {
		if known[i] > 0 {
			*to = genai.Count(sums[i])
		}
	}
	if t.Cost.Currency != "" {
		t.Cost.Amount = cost
	}
	return nil
}

// RecentTraces returns the traces of which a span that matches was stored behind after, in the order
// of their arrival. A trace that comes with further spans comes again. A filter that asks for signals is a *FilterError.
func (s *Store) RecentTraces(ctx context.Context, project string, after Arrival, limit int, f Filter) (page RecentPage, err error) {
	if err := f.FitsArrivals(); err != nil {
		return page, err
	}
	w := f.build()
	cond := ""
	if len(w.sql) > 0 {
		cond = "\n  AND " + strings.Join(w.sql, " AND ")
	}
	limit = pageSize(limit)
	ps := slices.Concat(w.params, params{
		{"project", project},
		nanoParam("since", clampNano(after.Time)),
		{"after", after.TraceID.String()},
		{"limit", strconv.Itoa(limit)},
	})
	var ids []genai.TraceID
	var stored []time.Time
	err = s.each(ctx, "RecentTraces", fmt.Sprintf(recentTraces, cond), ps, func(r driver.Rows) error {
		var id string
		var at time.Time
		err := r.Scan(&id, &at)
		ids, stored = append(ids, genai.TraceID([]byte(id))), append(stored, at.UTC())
		return err
	})
	if err != nil {
		return page, fmt.Errorf("list recent traces: %w", err)
	}
	found, err := s.summariesOf(ctx, project, ids)
	if err != nil {
		return page, err
	}
	page.Traces = make([]TraceSummary, 0, len(ids))
	for i, id := range ids {
		if t, ok := found[id]; ok && (!w.spotless || t.Errors == 0) {
			t.InsertedAt = stored[i]
			page.Traces = append(page.Traces, t)
		}
	}
	if len(ids) == limit {
		page.Next = Arrival{stored[limit-1], ids[limit-1]}
	}
	return page, s.usages(ctx, project, page.Traces)
}

// Histogram counts the traces that match in steps of time; steps without a trace are left out.
func (s *Store) Histogram(ctx context.Context, q TraceQuery, step time.Duration) (list []HistogramBucket, err error) {
	if step <= 0 {
		return nil, fmt.Errorf("count traces in steps of %s: want a step above zero", step)
	}
	from, to := bounds(q.From, q.To)
	m, err := s.match(ctx, q.Project, q.Filter, q.Words, from, to)
	if err != nil || m.nothing {
		return nil, err
	}
	ps := slices.Concat(m.params, params{param{"project", q.Project}, nanoParam("from", from), nanoParam("to", to), nanoParam("step", int64(step))})
	err = s.each(bounding(ctx, m.many), "Histogram", fmt.Sprintf(traceHistogram, m.sql), ps, func(r driver.Rows) error {
		var bucket int64
		var n, failed uint64
		err := r.Scan(&bucket, &n, &failed)
		list = append(list, HistogramBucket{
			Start:  time.Unix(0, from+bucket*int64(step)).UTC(),
			Traces: int64(n), Errors: int64(failed),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count traces over time: %w", tooBroad(err))
	}
	return list, nil
}

// Facets counts the traces that match by the values of the named fields, DefaultFacets when none is
// named; limit values each. Conditions on a field itself are left out when it is counted.
func (s *Store) Facets(ctx context.Context, q TraceQuery, names []string, limit int) ([]Facet, error) {
	if len(names) == 0 {
		names = DefaultFacets
	}
	limit = max(1, min(limit, 100))
	out := make([]Facet, 0, len(names))
	for _, name := range names {
		f, _, ok := fieldByName(name)
		if !ok || !f.facet {
			return nil, &FilterError{Expr: name, Why: "no such facet: want one of " + strings.Join(FacetFields(), ", ")}
		}
		one, err := s.facet(ctx, q, f, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (s *Store) facet(ctx context.Context, q TraceQuery, f *field, limit int) (Facet, error) {
	out := Facet{Field: f.name}
	from, to := bounds(q.From, q.To)
	m, err := s.match(ctx, q.Project, q.Filter.Without(f.name), q.Words, from, to)
	if err != nil || m.nothing {
		return out, err
	}
	ps := slices.Concat(m.params, params{param{"project", q.Project}, nanoParam("from", from), nanoParam("to", to), param{"limit", strconv.Itoa(limit + 1)}})
	statement := fmt.Sprintf(facet, f.facetExpr(), m.sql)
	if f.name == statusField {
		statement = fmt.Sprintf(statusFacet, m.sql)
	}
	err = s.each(bounding(ctx, m.many), "Facets", statement, ps, func(r driver.Rows) error {
		var v FacetValue
		var n uint64
		err := r.Scan(&v.Value, &n)
		v.Traces = int64(n)
		out.Values = append(out.Values, v)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("count traces by %s: %w", f.name, tooBroad(err))
	}
	if len(out.Values) > limit {
		out.Values, out.Truncated = out.Values[:limit], true
	}
	return out, nil
}

// facetExpr is the value of a facet as text.
func (f *field) facetExpr() string {
	switch f.typ {
	case listField:
		return "toString(arrayJoin(" + f.expr + "))"
	case codeField:
		names := make([]string, 0, len(f.codes))
		numbers := make([]string, 0, len(f.codes))
		for name, n := range f.codes {
			names = append(names, fmt.Sprintf("%d:'%s'", n, name))
		}
		slices.Sort(names)
		for i, pair := range names {
			n, name, _ := strings.Cut(pair, ":")
			numbers = append(numbers, n)
			names[i] = name
		}
		return "transform(" + f.expr + ", [" + strings.Join(numbers, ", ") + "], [" + strings.Join(names, ", ") + "], '')"
	case fingerprintField:
		return "if(" + f.expr + " = toFixedString('', 16), '', lower(hex(" + f.expr + ")))"
	case printField:
		return "if(" + f.expr + " = 0, '', leftPad(lower(hex(" + f.expr + ")), 16, '0'))"
	default:
		return "toString(" + f.expr + ")"
	}
}
