package store

// What instrumentations send, and what of it is missing: counted by service and by what spoke. Content may come with a span
// or in log records of it, so both are looked at before a span is said to have none.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

const (
	// MaxInstrumentations bounds the rows of a report, the worst first.
	MaxInstrumentations = 200
	// maxFindings bounds the pairs of row and finding that are read: more than every row can have.
	maxFindings = 20 * MaxInstrumentations
	// maxJoined bounds the records without a span of one report, and the spans of their traces: some 300 bytes each.
	maxJoined = 500_000
	// maxDialectVersions bounds the versions of a row: the spans of one instrumentation show some of the same convention.
	maxDialectVersions = "16"
)

// FindingCode names what is wrong with spans of an instrumentation, or good to know: a genai.WarningCode, or one of those
// below, which follow from what a span lacks.
type FindingCode string

// The findings that are no warnings.
const (
	FindTokensMissing FindingCode = "tokens_missing" // a model call that did not fail has no token counts
	FindModelMissing  FindingCode = "model_missing"  // a model call names no model
	FindCostUnknown   FindingCode = "cost_unknown"   // a model call has token counts and no cost
	FindUnread        FindingCode = "unread"         // a dialect spoke, and no operation could be read
	FindUnknown       FindingCode = "unknown"        // no dialect spoke, and attributes look as if a model was called
	FindUsageRepeated FindingCode = "usage_repeated" // a wrapper has the counts of the spans below; handled
)

// FindingCodes lists every code.
var FindingCodes = func() []FindingCode {
	list := []FindingCode{FindTokensMissing, FindModelMissing, FindCostUnknown, FindUnread, FindUnknown, FindUsageRepeated}
	for _, c := range genai.WarningCodes {
		list = append(list, FindingCode(c))
	}
	return list
}()

// InstrumentationQuery asks about spans that start in [From, To).
type InstrumentationQuery struct {
	Project  string
	From, To time.Time
}

// Instrumentation is what one instrumentation of one service sent.
type Instrumentation struct {
	Service, Namespace      string
	Dialect                 string   // "" when no dialect spoke
	DialectVersions         []string // of the conventions that its spans showed, at most maxDialectVersions, sorted
	ScopeName, ScopeVersion string
	Spans, ModelCalls       int64
	Input, Output           Share // of calls that are asked and answer in messages, without those of which it is not missed (genai.Span.Settled)
	Model                   Share // of model calls
	Tokens                  Share // of model calls that did not fail
	Cost                    Share // of model calls with token counts, without those that repeat others
	FirstSeen, LastSeen     time.Time
	Findings                []Finding // most spans first
}

// Share is how many of some spans have something.
type Share struct{ Have, Of int64 }

// Finding is what is wrong with some spans, or good to know, with the first and the last of them.
type Finding struct {
	Code        FindingCode
	Spans       int64
	First, Last SpanRef // equal when there is one
}

// SpanRef names a span.
type SpanRef struct {
	TraceID genai.TraceID
	SpanID  genai.SpanID
	Start   time.Time
}

// InstrumentationReport is the instrumentations of a project: those that lose the greatest share of their content first, of
// equals those with most spans.
type InstrumentationReport struct {
	Rows      []Instrumentation
	Truncated bool // there are more than MaxInstrumentations
}

// reportedSpans are the spans of a report with what is known of each, their log records included.
var reportedSpans = `
  SELECT spans.trace_id AS trace_id, spans.span_id AS span_id, start, outcome, usage_rollup,
    service, service_namespace, dialect, dialect_version, scope_name, scope_version, operation,
    operation IN (` + inferenceOperations + `) AS calls,
    operation IN (` + messageOperations + `) AS says,
    says AND (input OR outcome = 0) AS asks,
    says AND (output OR outcome = 0 AND NOT hasAny(finish_reasons, ['length', 'content_filter'])) AS answers,
    input_tokens >= 0 OR output_tokens >= 0 AS counted,
    request_model != '' OR response_model != '' AS named,
    cost_currency != '' AS priced,
    spans.has_input = 1 OR records.told_input = 1 AS input,
    spans.has_output = 1 OR records.told_output = 1 AS output,
    records.told_input = 1 OR records.told_output = 1 AS told,
    arrayConcat(arrayMap(w -> toString(w), spans.warnings), records.doubts) AS doubts
  FROM spans LEFT ANY JOIN
  (
    SELECT trace_id, span_id, max(has_input) AS told_input, max(has_output) AS told_output,
      arrayFilter(w -> w != 'content_missing', groupUniqArrayArray(arrayMap(w -> toString(w), warnings))) AS doubts
    FROM %[1]s
    WHERE has_input = 1 OR has_output = 1 OR notEmpty(warnings)
    GROUP BY trace_id, span_id
  ) AS records ON spans.trace_id = records.trace_id AND spans.span_id = records.span_id
` + reportedTime + `
    AND dialect != ''`

// reportedRecords are the log records of a report; those that name no span are its joinedRecords.
const reportedRecords = `
    (
      SELECT trace_id, span_id, has_input, has_output, warnings FROM fragments WHERE` + reportedLogs + ` AND span_id != ` + noSpan + `%s
    )`

// joinedRecords are what the records say that name no span, as text: they are found out by this process, and too many for a parameter.
const joinedRecords = `
      UNION ALL SELECT toFixedString(unhex(told[1]), 16), toFixedString(unhex(told[2]), 8), toUInt8(told[3]), toUInt8(told[4]), splitByChar('+', told[5])
      FROM (SELECT splitByChar('-', arrayJoin(splitByChar(',', '%s'))) AS told)`

const reportedLogs = ` project = {project:String}
        AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
        AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64})`

const namelessOfReport = `
SELECT ` + recordColumns + `, has_input, has_output, arrayMap(w -> toString(w), warnings)
FROM fragments WHERE` + reportedLogs + ` AND span_id = ` + noSpan + `
  AND (has_input = 1 OR has_output = 1 OR notEmpty(fragments.warnings) OR turn != '' AND response_id != '')
ORDER BY time, seq LIMIT {limit:UInt32}`

// headsOfReport are the spans of the traces that such records may be a part of, as far as they lie beside the report's time.
var headsOfReport = `
SELECT ` + headColumnList + `
FROM spans
WHERE` + headTime + ` AND trace_id IN
  (
    SELECT trace_id FROM fragments WHERE` + reportedLogs + ` AND span_id = ` + noSpan + ` AND trace_id != ` + noTrace + `
    UNION ALL SELECT trace_id FROM spans WHERE` + headTime + ` AND dialect IN ` + apartDialects + `
      AND (response_id IN (SELECT response_id FROM fragments WHERE` + reportedLogs + ` AND trace_id = ` + noTrace + ` AND response_id != '')
        OR tool_call_id IN (SELECT call_id FROM fragments WHERE` + reportedLogs + ` AND trace_id = ` + noTrace + ` AND call_id != ''))
  )
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32}`

const headTime = ` project = {project:String}
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64})`

const reportedTime = `  WHERE project = {project:String}
    AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
    AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({to:Int64})`

// looksGenAI is what keys look like that tell of a model call, in the words of instrumentations without a dialect here.
const looksGenAI = `(^|[._-])(llm|gen_?ai|openai|anthropic|(prompt|completion|input|output)_tokens)([._-]|$)`

const reportKey = `service, service_namespace, dialect, scope_name, scope_version`

var instrumentations = `
SELECT ` + reportKey + `, count(), countIf(calls),
  countIf(asks AND input), countIf(asks), countIf(answers AND output), countIf(answers),
  countIf(calls AND named), countIf(calls AND outcome = 0 AND counted), countIf(calls AND outcome = 0),
  countIf(calls AND counted AND usage_rollup = 0 AND priced), countIf(calls AND counted AND usage_rollup = 0),
  arraySort(groupUniqArrayIf(` + maxDialectVersions + `)(toString(dialect_version), dialect_version != '')), min(start), max(start)
FROM
(` + reportedSpans + `
)
GROUP BY ` + reportKey + `
ORDER BY greatest(countIf(asks AND NOT input) / greatest(countIf(asks), 1), countIf(answers AND NOT output) / greatest(countIf(answers), 1)) DESC,
  count() DESC, ` + reportKey + `
LIMIT {limit:UInt32}`

// A call asks when its input is there or to be missed, and answers likewise, as genai.Span.Settled has it; where log records
// brought all of its content, its own doubt is gone, as genai.MissingContent has it.
var instrumentationFindings = `
SELECT ` + reportKey + `, code, spans, first.1, first.2, first.3, last.1, last.2, last.3
FROM
(
  SELECT ` + reportKey + `, code, count() AS spans, min((start, trace_id, span_id)) AS first, max((start, trace_id, span_id)) AS last
  FROM
  (
    SELECT ` + reportKey + `, trace_id, span_id, start, arrayJoin(arrayDistinct(arrayConcat(
      arrayFilter(w -> w != 'content_missing' OR NOT (says AND told AND (input OR NOT asks) AND (output OR NOT answers)), doubts),
      if(asks AND NOT input OR answers AND NOT output, ['content_missing'], []),
      if(calls AND outcome = 0 AND NOT counted, ['` + string(FindTokensMissing) + `'], []),
      if(calls AND NOT named, ['` + string(FindModelMissing) + `'], []),
      if(calls AND counted AND usage_rollup = 0 AND NOT priced, ['` + string(FindCostUnknown) + `'], []),
      if(operation = '', ['` + string(FindUnread) + `'], []),
      if(usage_rollup = 1 AND counted, ['` + string(FindUsageRepeated) + `'], [])))) AS code
    FROM
    (` + reportedSpans + `
    )
  )
  GROUP BY ` + reportKey + `, code
)
ORDER BY spans DESC, ` + reportKey + `, code LIMIT {limit:UInt32}`

// Asked for by itself: of spans that a dialect knows, nobody needs the keys, which are the most to read.
const unknownInstrumentations = `
SELECT service, service_namespace, dialect, scope_name, scope_version, spans, first.1, first.2, first.3, last.1, last.2, last.3
FROM
(
  SELECT ` + reportKey + `, count() AS spans, min((start, trace_id, span_id)) AS first, max((start, trace_id, span_id)) AS last
  FROM spans
` + reportedTime + `
    AND dialect = '' AND arrayExists(k -> match(k, '` + looksGenAI + `'), attributes.keys)
  GROUP BY ` + reportKey + `
)
ORDER BY spans DESC, ` + reportKey + ` LIMIT {limit:UInt32}`

// ErrTooManyRecords says that more log records carry content than one report can follow.
var ErrTooManyRecords = errors.New("too many log records carry content in this time: choose a shorter one")

// instrumentationKey names a row.
type instrumentationKey struct{ service, namespace, dialect, scope, scopeVersion string }

func (k *instrumentationKey) to() []any {
	return []any{&k.service, &k.namespace, &k.dialect, &k.scope, &k.scopeVersion}
}

// Instrumentations reports what each instrumentation sent and what of it is missing, or ErrTooManyRecords.
func (s *Store) Instrumentations(ctx context.Context, q InstrumentationQuery) (out InstrumentationReport, err error) {
	from, to := bounds(q.From, q.To)
	logs := traceRange{from, to}.logs()
	window := params{{"project", q.Project}, nanoParam("from", from), nanoParam("to", to)}
	all := append(slices.Clone(window), nanoParam("log_from", logs.from), nanoParam("log_to", logs.to))
	records, err := s.joinRecords(ctx, append(params{{"project", q.Project}}, all[len(window):]...))
	if err != nil {
		return InstrumentationReport{}, fmt.Errorf("report on instrumentations: %w", tooManyRecords(err))
	}
	ask := func(sql string, ps params, limit int, scan func(driver.Rows) error) {
		if err == nil {
			err = s.each(bounding(ctx, true), "Instrumentations", sql, append(slices.Clone(ps), param{"limit", strconv.Itoa(limit)}), scan)
		}
	}
	places := map[instrumentationKey]int{}
	ask(fmt.Sprintf(instrumentations, records), all, MaxInstrumentations+1, func(r driver.Rows) error {
		var k instrumentationKey
		var one Instrumentation
		err := one.scan(r, &k)
		places[k] = len(out.Rows)
		out.Rows = append(out.Rows, one)
		return err
	})
	ask(fmt.Sprintf(instrumentationFindings, records), all, maxFindings, func(r driver.Rows) error {
		var k instrumentationKey
		var f Finding
		var code string
		err := f.scan(r, &k, &code)
		f.Code = FindingCode(code)
		if at, ok := places[k]; ok {
			out.Rows[at].Findings = append(out.Rows[at].Findings, f)
		}
		return err
	})
	var unknown []Instrumentation
	ask(unknownInstrumentations, window, MaxInstrumentations+1, func(r driver.Rows) error {
		var k instrumentationKey
		f := Finding{Code: FindUnknown}
		err := f.scan(r, &k)
		unknown = append(unknown, Instrumentation{
			Service: k.service, Namespace: k.namespace, ScopeName: k.scope, ScopeVersion: k.scopeVersion,
			Spans: f.Spans, FirstSeen: f.First.Start, LastSeen: f.Last.Start, Findings: []Finding{f},
		})
		return err
	})
	if err != nil {
		return InstrumentationReport{}, fmt.Errorf("report on instrumentations: %w", tooManyRecords(err))
	}
	out.add(unknown)
	return out, nil
}

// joinedBytes is more than one of joinedRecords takes: ids, two flags and a warning or two.
const joinedBytes = 100

// reportedRecord is a record without a span, as a report counts it.
type reportedRecord struct {
	record
	input, output uint8
	warnings      []string
}

// joinRecords finds the spans of a report's records that name none, and gives the statement for all of its records. Beyond
// s.limits.joined records, or spans, it fails with ErrTooManyRecords.
func (s *Store) joinRecords(ctx context.Context, ps params) (string, error) {
	ps = append(ps, param{"limit", strconv.Itoa(s.limits.joined + 1)})
	var list []reportedRecord
	err := s.each(ctx, "joinRecords", namelessOfReport, ps, func(r driver.Rows) error {
		var one reportedRecord
		err := one.scan(r, &one.input, &one.output, &one.warnings)
		list = append(list, one)
		return err
	})
	if err != nil || len(list) == 0 {
		return fmt.Sprintf(reportedRecords, ""), err
	}
	heads, n := genai.TraceHeads{}, 0
	err = s.each(ctx, "joinRecords", headsOfReport, ps, func(r driver.Rows) error {
		var one genai.SpanHead
		trace, err := scanHead(r, &one)
		heads[trace] = append(heads[trace], one)
		n++
		return err
	})
	switch {
	case err != nil:
		return "", err
	case len(list) > s.limits.joined || n > s.limits.joined:
		return "", ErrTooManyRecords
	}
	told := map[spanKey]reportedRecord{}
	for _, r := range settled(heads, list, func(r *reportedRecord) *record { return &r.record }) {
		if r.joined {
			key := spanKey{r.trace, r.span}
			one := told[key]
			one.input, one.output = max(one.input, r.input), max(one.output, r.output)
			one.warnings = append(one.warnings, r.warnings...)
			told[key] = one
		}
	}
	var text []string
	for key, one := range told {
		codes := slices.DeleteFunc(one.warnings, func(code string) bool { return !slices.Contains(genai.WarningCodes, genai.WarningCode(code)) })
		slices.Sort(codes)
		text = append(text, fmt.Sprintf("%s-%s-%d-%d-%s", key.trace, hexSpan(key.span), one.input, one.output, strings.Join(slices.Compact(codes), "+")))
	}
	if len(text) == 0 {
		return fmt.Sprintf(reportedRecords, ""), nil
	}
	if len(text)*joinedBytes > maxQueryBytes {
		return "", ErrTooManyRecords
	}
	slices.Sort(text)
	return fmt.Sprintf(reportedRecords, fmt.Sprintf(joinedRecords, strings.Join(text, ","))), nil
}

// add puts what nobody knows behind what loses content, and before the rest.
func (r *InstrumentationReport) add(unknown []Instrumentation) {
	at := slices.IndexFunc(r.Rows, func(i Instrumentation) bool { return i.Input.Have == i.Input.Of && i.Output.Have == i.Output.Of })
	if at < 0 {
		at = len(r.Rows)
	}
	r.Rows = slices.Insert(r.Rows, at, unknown...)
	if r.Truncated = len(r.Rows) > MaxInstrumentations; r.Truncated {
		r.Rows = r.Rows[:MaxInstrumentations]
	}
}

func tooManyRecords(err error) error {
	if errors.Is(tooBroad(err), ErrTooBroad) {
		return ErrTooManyRecords
	}
	return err
}

func (i *Instrumentation) scan(r driver.Rows, k *instrumentationKey) error {
	var n [11]uint64
	to := k.to()
	for j := range n {
		to = append(to, &n[j])
	}
	if err := r.Scan(append(to, &i.DialectVersions, &i.FirstSeen, &i.LastSeen)...); err != nil {
		return err
	}
	i.Service, i.Namespace, i.Dialect, i.ScopeName, i.ScopeVersion = k.service, k.namespace, k.dialect, k.scope, k.scopeVersion
	i.FirstSeen, i.LastSeen = i.FirstSeen.UTC(), i.LastSeen.UTC()
	i.Spans, i.ModelCalls = int64(n[0]), int64(n[1])                           //nolint:gosec // counts of rows
	share := func(at int) Share { return Share{int64(n[at]), int64(n[at+1])} } //nolint:gosec // counts of rows
	i.Input, i.Output, i.Tokens, i.Cost = share(2), share(4), share(7), share(9)
	i.Model = Share{int64(n[6]), i.ModelCalls} //nolint:gosec // a count of rows
	return nil
}

// scan reads the key of a row, what further columns there are, and a finding.
func (f *Finding) scan(r driver.Rows, k *instrumentationKey, more ...any) error {
	var n uint64
	var traces, spans [2]string
	err := r.Scan(slices.Concat(k.to(), more, []any{&n, &f.First.Start, &traces[0], &spans[0], &f.Last.Start, &traces[1], &spans[1]})...)
	if err != nil {
		return err
	}
	f.Spans = int64(n)
	for i, ref := range []*SpanRef{&f.First, &f.Last} {
		copy(ref.TraceID[:], traces[i])
		copy(ref.SpanID[:], spans[i])
		ref.Start = ref.Start.UTC()
	}
	return nil
}
