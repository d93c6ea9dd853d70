package store

// What log records tell of spans: it is read beside them and merged into them, whichever came first.

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

// The key holds five-minute steps, and the engine does not derive them from time.
const recordsBetween = `
  AND toStartOfFiveMinutes(time) BETWEEN toStartOfFiveMinutes(fromUnixTimestamp64Nano({from:Int64})) AND toStartOfFiveMinutes(fromUnixTimestamp64Nano({to:Int64}))
  AND time BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})`

// recordsOfSpan are the log records of a trace, or those that are or may be a part of one span of it.
func recordsOfSpan(apart bool) string {
	return recordsOfNamed(apart) + `
  AND ({span:String} = '' OR span_id IN (toFixedString(unhex({span:String}), 8), ` + noSpan + `))`
}

const fragmentsOf = `
SELECT ` + recordColumns + `, has_input, has_output, refs, detail FROM fragments%s
ORDER BY time, seq LIMIT {limit:UInt32}`

// said is whether messages say anything, of a span and of its log records.
type said struct{ input, output bool }

func (a said) or(b said) said { return said{a.input || b.input, a.output || b.output} }

// logs is the range of time in which log records of the spans are looked for.
func (tr traceRange) logs() traceRange {
	return traceRange{max(0, tr.from-int64(logSlack)), min(maxTime, tr.to+int64(logSlack))}
}

func (tr traceRange) logParams(project string, trace genai.TraceID, span string, limit int) params {
	logs := tr.logs()
	return params{
		{"project", project},
		{"traces", trace.String()},
		nanoParam("from", logs.from), nanoParam("to", logs.to),
		{"span", span},
		{"limit", strconv.Itoa(limit + 1)},
	}
}

// fragmentRow is one row of fragments.
type fragmentRow struct {
	record
	said   said
	refs   []content.Hash
	detail string
	day    uint16
}

func (f *fragmentRow) key() spanKey { return spanKey{f.trace, f.span} }
func (w *spanRow) key() spanKey     { return spanKey{w.TraceID, w.SpanID} }

func (f *fragmentRow) scan(r driver.Rows) error {
	var hasIn, hasOut uint8
	var refs []string
	err := f.record.scan(r, &hasIn, &hasOut, &refs, &f.detail)
	f.said = said{hasIn != 0, hasOut != 0}
	f.refs, f.day = hashes(refs), dayOf(f.head.Time.UnixNano())
	return err
}

func (f *fragmentRow) whose() *record { return &f.record }

func (f *fragmentRow) read(project string, p *pieces) (genai.Span, error) {
	part := genai.Span{Project: project, TraceID: f.trace, SpanID: f.span}
	d := decoder{refs: f.refs, get: p}
	var types []byte
	return part, d.detail(&part, []byte(f.detail), &types)
}

// fragments reads what log records tell of the spans of a trace, or of one of them; more says that
// there are further records, which are left out. apart: see recordsOfNamed.
func (s *Store) fragments(ctx context.Context, project string, trace genai.TraceID, tr traceRange, span string, apart bool) (frags []fragmentRow, more bool, err error) {
	err = s.each(ctx, "fragments", fmt.Sprintf(fragmentsOf, recordsOfSpan(apart)), tr.logParams(project, trace, span, s.limits.fragments), func(r driver.Rows) error {
		var f fragmentRow
		err := f.scan(r)
		frags = append(frags, f)
		return err
	})
	if more = len(frags) > s.limits.fragments; more {
		frags = frags[:s.limits.fragments]
	}
	if err == nil {
		frags, err = placed(ctx, s, project, []genai.TraceID{trace}, tr, frags, (*fragmentRow).whose)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read log fragments of trace %s: %w", trace, err)
	}
	if span != "" {
		frags = slices.DeleteFunc(frags, func(f fragmentRow) bool { return hexSpan(f.span) != span })
	}
	return frags, more, nil
}

// whole reads rows of one project, by trace and start, with their contents and merges what log records tell. The rows from
// the first on that does not fit into the budget are left out, as are such log records: cut says so.
func (s *Store) whole(ctx context.Context, rows []spanRow, frags []fragmentRow, budget int64) (spans []genai.Span, cut bool, err error) {
	if len(rows) == 0 {
		return nil, false, nil
	}
	at := place{project: rows[0].Project}
	for i := range rows {
		at.add(rows[i].day)
	}
	wanted := make(map[spanKey]bool, len(rows))
	for i := range rows {
		wanted[rows[i].key()] = true
	}
	frags = slices.DeleteFunc(slices.Clone(frags), func(f fragmentRow) bool { return !wanted[f.key()] })
	for i := range frags {
		at.add(frags[i].day)
	}
	var parts map[spanKey][]genai.Span
	err = s.resolve(ctx, at, budget, func(p *pieces) error {
		spans, parts = make([]genai.Span, 0, len(rows)), map[spanKey][]genai.Span{}
		for i := range rows {
			one, err := rows[i].read(p)
			if err != nil {
				return err
			}
			if p.missed {
				break
			}
			spans = append(spans, one)
		}
		cut, p.missed = p.missed, false
		for i := range frags {
			part, err := frags[i].read(at.project, p)
			if err != nil {
				return err
			}
			if !p.missed {
				parts[frags[i].key()] = append(parts[frags[i].key()], part)
			}
			cut, p.missed = cut || p.missed, false
		}
		return nil
	})
	heard := hearings(frags)
	for i := range spans {
		if list := parts[rows[i].key()]; len(list) > 0 {
			spans[i].Merge(list)
			rows[i].reported(list)
		}
		rows[i].settleContent(&spans[i], heard)
	}
	return spans, cut, err
}

// joinedSpans names the spans that were given contents of records that name none.
func joinedSpans(frags []fragmentRow) string {
	var names []string
	for i := range frags {
		if name := hexSpan(frags[i].span); frags[i].joined && len(frags[i].refs) > 0 && !slices.Contains(names[max(0, len(names)-1):], name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// reported keeps the cost that a log record gave where the span itself gave none.
func (w *spanRow) reported(parts []genai.Span) {
	for i := range parts {
		if w.Pricing.Reported.Amount == "" {
			w.Pricing.Reported = parts[i].Cost
		}
	}
}

// hearings is what the log records of each span say.
func hearings(frags []fragmentRow) map[spanKey]said {
	out := make(map[spanKey]said, len(frags))
	for i := range frags {
		out[frags[i].key()] = out[frags[i].key()].or(frags[i].said)
	}
	return out
}

// settleContent warns of what neither the span nor its log records have. It goes by the columns, which count contents that
// are not read, too.
func (w *spanRow) settleContent(s *genai.Span, heard map[spanKey]said) {
	records := heard[w.key()]
	all := w.said.or(records)
	s.MissingContent(all.input, all.output, records.input || records.output)
}

// fragmentsOf reads log records of several traces, at most limit, and where their contents are.
func (s *Store) fragmentsOf(ctx context.Context, project string, ids []genai.TraceID, tr traceRange, apart bool, limit int) (frags []fragmentRow, at place, err error) {
	at.project = project
	logs := tr.logs()
	ps := params{{"project", project}, {"traces", traceNames(ids)}, nanoParam("from", logs.from), nanoParam("to", logs.to), {"limit", strconv.Itoa(limit)}}
	err = s.each(ctx, "previews", fmt.Sprintf(fragmentsOf, recordsOfNamed(apart)+" AND notEmpty(refs)"), ps, func(r driver.Rows) error {
		var f fragmentRow
		err := f.scan(r)
		at.add(f.day)
		frags = append(frags, f)
		return err
	})
	if err == nil {
		frags, err = placed(ctx, s, project, ids, tr, frags, (*fragmentRow).whose)
	}
	if err != nil {
		return nil, at, fmt.Errorf("read previews: %w", err)
	}
	return frags, at, nil
}

// maxPreviewLogs bounds the log records that the previews of one page are read from.
const maxPreviewLogs = 2000

// previews fills in the beginnings of texts that came as log records alone: the summaries are made of spans.
func (s *Store) previews(ctx context.Context, project string, list []TraceSummary) error {
	var ids []genai.TraceID
	var tr traceRange
	var apart bool
	for i := range list {
		if t := &list[i]; t.GenAISpans > 0 && t.InputPreview == "" && t.OutputPreview == "" {
			first, last := clampNano(t.Start), clampNano(t.End)
			if len(ids) == 0 {
				tr = traceRange{first, last}
			}
			tr = traceRange{min(tr.from, first), max(tr.to, last)}
			ids, apart = append(ids, t.TraceID), apart || t.apart
		}
	}
	if len(ids) == 0 {
		return nil
	}
	frags, at, err := s.fragmentsOf(ctx, project, ids, tr, apart, maxPreviewLogs)
	if err != nil || len(frags) == 0 {
		return err
	}
	var spans []genai.Span // by their first record
	err = s.resolve(ctx, at, listBudget, func(p *pieces) error {
		var order []spanKey
		parts := map[spanKey][]genai.Span{}
		for i := range frags {
			part, err := frags[i].read(project, p)
			if err != nil {
				return err
			}
			if p.missed {
				break
			}
			key := spanKey{part.TraceID, part.SpanID}
			if parts[key] == nil {
				order = append(order, key)
			}
			parts[key] = append(parts[key], part)
		}
		spans = spans[:0]
		for _, key := range order {
			one := genai.Span{TraceID: key.trace}
			one.Merge(parts[key])
			spans = append(spans, one)
		}
		return nil
	})
	for i := range list {
		for j := range spans {
			if spans[j].TraceID != list[i].TraceID {
				continue
			}
			if list[i].InputPreview == "" {
				list[i].InputPreview = inputPreview(&spans[j])
			}
			if text := outputPreview(&spans[j]); text != "" {
				list[i].OutputPreview = text
			}
		}
	}
	return err
}
