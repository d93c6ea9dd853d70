package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

const (
	// MaxTraceSpans bounds what Trace returns.
	MaxTraceSpans = 100_000
	// maxFragments bounds the log records that are merged into one span or trace; answers say so when there are more.
	maxFragments = 20_000
	// logSlack is how far a log record may lie outside of its trace's spans in time.
	logSlack = time.Hour
)

const traceTimes = `
SELECT min(first), max(last), count() FROM trace_times
WHERE project = {project:String} AND trace_id = unhex({trace:String})`

// span columns in the order in which spanRow scans them.
const spanColumnList = `span_id, parent_span_id, name, kind, start, duration_ns, status,
    service, service_namespace, service_version, service_instance, environment, language,
    scope_name, scope_version, dialect, dialect_version,
    operation, provider, framework, request_model, response_model, response_id, finish_reasons,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_rollup, usage_rule,
    toString(cost), cost_currency, cost_source, cost_unknown, cost_parts, fingerprint_model, fingerprint_system, fingerprint_tools, fingerprint_params, ttft_ns,
    agent_name, workflow, conversation, user, prompt_name, prompt_version, tool_name, tool_call_id, error_type, tags,
    mapKeys(attributes), mapValues(attributes), input_messages, output_messages, has_input, has_output, input_preview, output_preview, refs, detail`

// latest puts of the copies of a span, which its sender sent again when it changed, the last one first: it counts.
const latest = `inserted_at DESC, duration_ns DESC`

// The key holds five-minute steps, and the engine does not derive them from start.
const spanWhere = `
FROM spans
WHERE project = {project:String} AND trace_id = unhex({trace:String})
  AND toStartOfFiveMinutes(start) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})`

const spansByTrace = `SELECT ` + spanColumnList + spanWhere + `
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY span_id LIMIT {limit:UInt32}`

// The identifier of an agent without a name is in detail.
const treeByTrace = `SELECT span_id, parent_span_id, start, duration_ns, operation, agent_name,
    if(operation = 'invoke_agent' AND agent_name = '', detail, '') AS told` + spanWhere + `
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY span_id LIMIT {limit:UInt32}`

const spanByID = `SELECT ` + spanColumnList + spanWhere + `
  AND span_id = unhex({span:String})
ORDER BY start, ` + latest + ` LIMIT 1`

// What a span's log records carry is content of the span as well. A call that failed says why, if nothing else.
const contentSpans = `SELECT ` + spanColumnList + spanWhere + `
  AND ((notEmpty(refs) OR outcome = 1) AND operation != '' OR span_id IN
  (
    SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {joined:String}))), 8)
  )
  OR span_id IN
  (
    SELECT span_id FROM fragments
    WHERE project = {project:String} AND trace_id = unhex({trace:String}) AND notEmpty(refs)
      AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({log_to:Int64}))
      AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_to:Int64})
  ))
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY span_id LIMIT {limit:UInt32}`

// span is one row of spans.
type spanRow struct {
	SpanOutline
	keys, values []string
	cost         genai.Cost // that counts; no Currency: unknown
	unknown      string     // see SpanCost
	parts        string
	said         said
	refs         []content.Hash
	detail       string
	day          uint16
}

// scan reads what columns come before those of a span, and these.
func (w *spanRow) scan(r driver.Rows, project string, trace genai.TraceID, before ...any) error {
	s := &w.Span
	var id, parent string
	var kind, status, rollup uint8
	var start time.Time
	var duration, ttft int64
	var counts [5]int64
	var finish, refs []string
	var in, out uint32
	var hasIn, hasOut uint8
	var op, rule string
	f := &w.Version
	err := r.Scan(append(before, &id, &parent, &s.Name, &kind, &start, &duration, &status,
		&s.Service.Name, &s.Service.Namespace, &s.Service.Version, &s.Service.InstanceID, &s.Service.Environment, &s.Service.Language,
		&s.Scope.Name, &s.Scope.Version, &s.Dialect, &s.DialectVersion,
		&op, &s.Provider, &s.Framework, &s.RequestModel, &s.ResponseModel, &s.ResponseID, &finish,
		&counts[0], &counts[1], &counts[2], &counts[3], &counts[4], &rollup, &rule,
		&w.cost.Amount, &w.cost.Currency, &w.cost.Source, &w.unknown, &w.parts, &f.Model, &f.System, &f.Tools, &f.Params, &ttft,
		&s.Agent.Name, &s.Workflow, &s.Conversation, &s.User, &s.Prompt.Name, &s.Prompt.Version, &s.Tool.Name, &s.Tool.CallID, &s.Error.Type, &s.Tags,
		&w.keys, &w.values, &in, &out, &hasIn, &hasOut, &w.InputPreview, &w.OutputPreview, &refs, &w.detail)...)
	if err != nil {
		return err
	}
	s.Project, s.TraceID, s.Operation = project, trace, genai.Operation(op)
	copy(s.SpanID[:], id)
	copy(s.ParentSpanID[:], parent)
	s.Kind, s.StatusCode = genai.Kind(kind), genai.StatusCode(status)
	s.Start, s.End = start.UTC(), start.UTC().Add(time.Duration(duration))
	s.TimeToFirstToken = time.Duration(ttft)
	knownCounts(&s.Usage, &counts)
	s.Usage.Rollup, s.Usage.Rule = rollup != 0, genai.CacheRule(rule)
	if w.cost.Currency == "" {
		w.cost = genai.Cost{}
	}
	for _, f := range finish {
		s.FinishReasons = append(s.FinishReasons, genai.FinishReason(f))
	}
	if len(s.Tags) == 0 {
		s.Tags = nil
	}
	w.InputMessages, w.OutputMessages = int(in), int(out)
	w.said = said{hasIn != 0, hasOut != 0}
	w.refs = hashes(refs)
	w.day = dayOf(start.UnixNano())
	return nil
}

func hashes(list []string) []content.Hash {
	out := make([]content.Hash, len(list))
	for i := range list {
		out[i] = content.Hash([]byte(list[i]))
	}
	return out
}

// read fills the span from detail.
func (w *spanRow) read(p *pieces) (genai.Span, error) {
	s := w.Span
	var types []byte
	d := decoder{refs: w.refs, get: p}
	if err := d.detail(&s, []byte(w.detail), &types); err != nil {
		return s, err
	}
	if len(types) > 0 {
		s.Attributes = mergeAttributes(types, w.keys, w.values, s.Attributes)
	}
	return s, w.settle(&s)
}

// span of time in which a trace's spans start.
type traceRange struct{ from, to int64 }

func (s *Store) traceRange(ctx context.Context, project string, trace genai.TraceID) (tr traceRange, err error) {
	var first, last time.Time
	var n uint64
	err = s.each(ctx, "traceRange", traceTimes, params{{"project", project}, {"trace", trace.String()}}, func(r driver.Rows) error {
		return r.Scan(&first, &last, &n)
	})
	if err != nil {
		return tr, fmt.Errorf("look up trace %s: %w", trace, err)
	}
	if n == 0 {
		return tr, fmt.Errorf("trace %s: %w", trace, ErrNotFound)
	}
	return traceRange{first.UnixNano(), last.UnixNano()}, nil
}

func (tr traceRange) params(project string, trace genai.TraceID) params {
	return params{{"project", project}, {"trace", trace.String()}, {"from", strconv.FormatInt(tr.from, 10)}, {"to", strconv.FormatInt(tr.to, 10)}}
}

func (s *Store) spanRows(ctx context.Context, method, sql string, project string, trace genai.TraceID, ps params) (rows []spanRow, err error) {
	err = s.each(ctx, method, sql, ps, func(r driver.Rows) error {
		rows = append(rows, spanRow{})
		return rows[len(rows)-1].scan(r, project, trace)
	})
	if err != nil {
		return nil, fmt.Errorf("read spans of trace %s: %w", trace, err)
	}
	return rows, nil
}

// Trace returns a trace with its spans, without contents, or ErrNotFound.
func (s *Store) Trace(ctx context.Context, project string, id genai.TraceID) (*TraceDetail, error) {
	tr, err := s.traceRange(ctx, project, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.spanRows(ctx, "Trace", spansByTrace, project, id, append(tr.params(project, id), param{"limit", strconv.Itoa(MaxTraceSpans + 1)}))
	if err != nil {
		return nil, err
	}
	out := &TraceDetail{}
	if len(rows) > MaxTraceSpans {
		rows, out.Truncated = rows[:MaxTraceSpans], true
	}
	out.Spans = make([]SpanOutline, len(rows))
	var counts spanCounts
	for i := range rows {
		out.Spans[i] = rows[i].SpanOutline
		if out.Spans[i].Span, err = rows[i].read(&pieces{skip: true}); err != nil {
			return nil, err
		}
		out.Spans[i].Derived = rows[i].Derived
		counts.add(out.Spans[i].IsGenAI(), out.Spans[i].Failed())
		out.Summary.apart = out.Summary.apart || apart(rows[i].Dialect)
	}
	if err := s.outlineLogs(ctx, rows, tr, out); err != nil {
		return nil, err
	}
	summaries, err := s.summaries(ctx, project, []genai.TraceID{id}, tr)
	if err != nil {
		return nil, err
	}
	for i := range summaries {
		summaries[i].apart = out.Summary.apart
	}
	if err := s.previews(ctx, project, summaries); err != nil {
		return nil, err
	}
	if len(summaries) == 1 {
		out.Summary = summaries[0]
	}
	if !out.Truncated {
		out.Summary.count(counts)
	}
	out.settle()
	return out, nil
}

// TraceTree returns the spans of a trace, by start, with what says where each stands: its parent, times,
// operation and agent. At most MaxTraceSpans are returned.
func (s *Store) TraceTree(ctx context.Context, project string, id genai.TraceID) (list []genai.Span, err error) {
	tr, err := s.traceRange(ctx, project, id)
	if err != nil {
		return nil, err
	}
	err = s.each(ctx, "TraceTree", treeByTrace, append(tr.params(project, id), param{"limit", strconv.Itoa(MaxTraceSpans)}), func(r driver.Rows) error {
		one := genai.Span{Project: project, TraceID: id}
		var span, parent, op, detail string
		var duration int64
		if err := r.Scan(&span, &parent, &one.Start, &duration, &op, &one.Agent.Name, &detail); err != nil {
			return err
		}
		copy(one.SpanID[:], span)
		copy(one.ParentSpanID[:], parent)
		one.Operation, one.Start = genai.Operation(op), one.Start.UTC()
		one.End = one.Start.Add(time.Duration(duration))
		var d decoder
		d.fields([]byte(detail), func(f fieldOf) {
			if f.num == fAgent {
				one.Agent.ID, _, _ = d.group(f.body)
			}
		})
		list = append(list, one)
		return d.err
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree of trace %s: %w", id, err)
	}
	return list, nil
}

// outlineLogs adds to the outlines what only the spans' log records tell.
func (s *Store) outlineLogs(ctx context.Context, rows []spanRow, tr traceRange, out *TraceDetail) error {
	if len(rows) == 0 {
		return nil
	}
	frags, more, err := s.fragments(ctx, out.Spans[0].Project, out.Spans[0].TraceID, tr, "", out.Summary.apart)
	if err != nil {
		return err
	}
	heard := hearings(frags)
	var with []spanRow
	var at []int
	for i := range rows {
		if _, told := heard[rows[i].key()]; told {
			with, at = append(with, rows[i]), append(at, i)
		}
		rows[i].settleContent(&out.Spans[i].Span, heard)
	}
	if len(with) == 0 {
		return nil
	}
	spans, cut, err := s.whole(ctx, with, frags, traceBudget)
	if err != nil {
		return err
	}
	out.Truncated = out.Truncated || more || cut
	for i := range spans {
		o, w := &out.Spans[at[i]], &spans[i]
		o.InputMessages, o.OutputMessages = len(w.Input), len(w.Output)
		o.InputPreview, o.OutputPreview = inputPreview(w), outputPreview(w)
		o.Operation, o.Provider, o.Framework = w.Operation, w.Provider, w.Framework
		o.RequestModel, o.ResponseModel, o.ResponseID = w.RequestModel, w.ResponseModel, w.ResponseID
		o.Conversation, o.User, o.FinishReasons = w.Conversation, w.User, w.FinishReasons
		o.Usage, o.Error, o.Evaluations, o.Warnings = w.Usage, w.Error, w.Evaluations, w.Warnings
		o.Cost, o.Pricing = w.Cost, with[i].Pricing
	}
	return nil
}

// Span returns one span with everything, log fragments merged, or ErrNotFound.
func (s *Store) Span(ctx context.Context, project string, trace genai.TraceID, id genai.SpanID) (*SpanDetail, error) {
	tr, err := s.traceRange(ctx, project, trace)
	if err != nil {
		return nil, err
	}
	rows, err := s.spanRows(ctx, "Span", spanByID, project, trace, append(tr.params(project, trace), param{"span", hexSpan(id)}))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("span %s of trace %s: %w", id, trace, ErrNotFound)
	}
	frags, more, err := s.fragments(ctx, project, trace, tr, hexSpan(id), apart(rows[0].Dialect))
	if err != nil {
		return nil, err
	}
	spans, cut, err := s.whole(ctx, rows[:1], frags, spanBudget)
	if err != nil {
		return nil, err
	}
	if len(spans) == 0 { // its own texts are beyond the budget
		one, err := rows[0].read(&pieces{skip: true})
		rows[0].settleContent(&one, hearings(frags))
		return &SpanDetail{Span: one, Derived: rows[0].Derived, Truncated: true}, err
	}
	return &SpanDetail{Span: spans[0], Derived: rows[0].Derived, Truncated: more || cut}, nil
}

// SpansWithContent returns the GenAI spans of a trace that carry content, with it, by start: at most
// limit, and as many as have no more than budget bytes of different texts.
func (s *Store) SpansWithContent(ctx context.Context, project string, trace genai.TraceID, limit int, budget int64) (out ContentSpans, err error) {
	tr, err := s.traceRange(ctx, project, trace)
	if err != nil {
		return out, err
	}
	limit = min(max(1, limit), MaxTraceSpans)
	logsApart, err := s.logsApart(ctx, project, trace, tr)
	if err != nil {
		return out, err
	}
	frags, more, err := s.fragments(ctx, project, trace, tr, "", logsApart)
	if err != nil {
		return out, err
	}
	logs := tr.logs()
	rows, err := s.spanRows(ctx, "SpansWithContent", contentSpans, project, trace,
		append(tr.params(project, trace), nanoParam("log_from", logs.from), nanoParam("log_to", logs.to), param{"joined", joinedSpans(frags)}, param{"limit", strconv.Itoa(limit + 1)}))
	if err != nil || len(rows) == 0 {
		return out, err
	}
	if len(rows) > limit {
		rows, out.Truncated = rows[:limit], true
	}
	var cut bool
	out.Spans, cut, err = s.whole(ctx, rows, frags, budget)
	out.Truncated = out.Truncated || more || cut
	return out, err
}

var apartSpan = `SELECT 1` + spanWhere + ` AND dialect IN ` + apartDialects + ` LIMIT 1`

// logsApart reports whether a span of the trace is of genai.ApartDialects, for a read that sees but some of its spans.
func (s *Store) logsApart(ctx context.Context, project string, trace genai.TraceID, tr traceRange) (found bool, err error) {
	err = s.each(ctx, "logsApart", apartSpan, tr.params(project, trace), func(r driver.Rows) error {
		var one uint8
		found = true
		return r.Scan(&one)
	})
	if err != nil {
		return false, fmt.Errorf("read spans of trace %s: %w", trace, err)
	}
	return found, nil
}

func (p *place) add(day uint16) {
	if !slices.Contains(p.days, day) {
		p.days = append(p.days, day)
	}
}

func hexSpan(id genai.SpanID) string { return hex.EncodeToString(id[:]) }

func dayString(d uint16) string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }
