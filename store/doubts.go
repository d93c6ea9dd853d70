package store

// How many warnings a trace has follows from its spans and their log records together (genai.MissingContent), so it is worked
// out when a page is read, from what both say without their contents.

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

// recordsOfTraces reads what log records say of spans, but for what they hold.
const recordsOfTraces = `
SELECT ` + recordColumns + `, has_input, has_output, detail FROM fragments%s
ORDER BY time, seq LIMIT {limit:UInt32}`

// doubtsOfTraces reads the warnings of spans with their fields, which the column does not have.
const doubtsOfTraces = `
SELECT trace_id, span_id, detail
FROM spans
WHERE project = {project:String} AND notEmpty(warnings)` + usagePlaces + `
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32}`

type spanKey struct {
	trace genai.TraceID
	span  genai.SpanID
}

// records is what the log records of one span say.
type records struct {
	said
	parts []genai.Span // without contents
}

// doubts fills in how many warnings the traces of a look-up have.
func (s *Store) doubts(ctx context.Context, project string, p *usagePage, found map[genai.TraceID][]costNode, heard map[spanKey]records) error {
	fields, err := s.fieldsOf(ctx, project, p, found, heard)
	if err != nil {
		return err
	}
	for _, t := range p.traces {
		t.Warnings = 0
		nodes := found[t.TraceID]
		for i := range nodes {
			key := spanKey{t.TraceID, nodes[i].SpanID}
			t.Warnings += nodes[i].settled(fields[key], heard[key])
		}
	}
	return nil
}

// settled is how many warnings the span has with its records. fields are its own; nil: only their codes matter.
func (c *costNode) settled(fields []genai.Warning, r records) int64 {
	one := genai.Span{Operation: c.Operation, FinishReasons: c.finish, Warnings: fields}
	if c.failed {
		one.StatusCode = genai.StatusError
	}
	if len(fields) != len(c.codes) {
		one.Warnings = nil
		for i, code := range c.codes {
			one.Warnings = append(one.Warnings, genai.Warning{Code: genai.WarningCode(code), Field: strconv.Itoa(i)})
		}
	}
	if len(r.parts) > 0 {
		one.Merge(r.parts)
	}
	sides := c.said.or(r.said)
	one.MissingContent(sides.input, sides.output, r.input || r.output)
	return int64(len(one.Warnings))
}

// recordsOf reads the log records of the traces of which found are the spans. all: there are no more of them; else there are none,
// and the summaries keep what their spans say of themselves.
func (s *Store) recordsOf(ctx context.Context, project string, p *usagePage, found map[genai.TraceID][]costNode) (out map[spanKey]records, all bool, err error) {
	ids := make([]genai.TraceID, len(p.traces))
	for i := range p.traces {
		ids[i] = p.traces[i].TraceID
	}
	logs := traceRange{p.from, p.to}.logs()
	heads, apart := genai.TraceHeads{}, false
	for trace, nodes := range found {
		for i := range nodes {
			heads[trace] = append(heads[trace], nodes[i].SpanHead)
			apart = apart || nodes[i].Apart
		}
	}
	ps := params{{"project", project}, {"traces", traceNames(ids)}, nanoParam("from", logs.from), nanoParam("to", logs.to), {"limit", strconv.Itoa(s.limits.usage + 1)}}
	var list []outlineRow
	err = s.each(ctx, "doubts", fmt.Sprintf(recordsOfTraces, recordsOfNamed(apart)), ps, func(r driver.Rows) error {
		var one outlineRow
		err := one.scan(r)
		list = append(list, one)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("read what log records say of %d traces: %w", len(ids), err)
	}
	if len(list) > s.limits.usage {
		return nil, false, nil
	}
	out = map[spanKey]records{}
	for _, r := range settled(heads, list, func(r *outlineRow) *record { return &r.record }) {
		key := spanKey{r.trace, r.span}
		one := out[key]
		one.said, one.parts = one.or(r.said), append(one.parts, r.part)
		out[key] = one
	}
	return out, true, nil
}

// outlineRow is one row of fragments without its contents.
type outlineRow struct {
	record
	said said
	part genai.Span
}

func (o *outlineRow) scan(r driver.Rows) error {
	var in, out uint8
	var detail string
	err := o.record.scan(r, &in, &out, &detail)
	if err == nil {
		o.part, err = outlineOf(detail)
	}
	o.said, o.part.Start = said{in != 0, out != 0}, o.head.Time
	return err
}

// outlineOf reads of a detail what decides about warnings, usage and cost, without contents.
func outlineOf(detail string) (s genai.Span, err error) {
	var d decoder
	var core genai.Span
	d.fields([]byte(detail), func(f fieldOf) {
		switch f.num {
		case fWarning:
			code, field, text := d.group(f.body)
			s.Warnings = append(s.Warnings, genai.Warning{Code: genai.WarningCode(code), Field: field, Text: text})
		case fCost:
			s.Cost.Amount, s.Cost.Source, s.Cost.Currency = d.group(f.body)
		case fCore:
			d.core(&core, f.body)
			s.Operation, s.RequestModel, s.ResponseModel, s.ResponseID = core.Operation, core.RequestModel, core.ResponseModel, core.ResponseID
			s.Usage = core.Usage
		}
	})
	return s, d.err
}

// fieldsOf reads the fields of warnings where they decide: a record may repeat one, and a marker may lie in the field that
// is missing.
func (s *Store) fieldsOf(ctx context.Context, project string, p *usagePage, found map[genai.TraceID][]costNode, heard map[spanKey]records) (map[spanKey][]genai.Warning, error) {
	out := map[spanKey][]genai.Warning{}
	for trace, nodes := range found {
		for i := range nodes {
			key := spanKey{trace, nodes[i].SpanID}
			if _, told := heard[key]; len(nodes[i].codes) > 0 && (told || nodes[i].Operation.HasMessages()) {
				out[key] = nil
			}
		}
	}
	if len(out) == 0 {
		return out, nil
	}
	ps := params{{"project", project}, nanoParam("from", p.from), nanoParam("to", p.to), {"places", strings.Join(p.places, ",")}, {"limit", strconv.Itoa(s.limits.usage + 1)}}
	err := s.each(ctx, "doubts", doubtsOfTraces, ps, func(r driver.Rows) error {
		var key spanKey
		var trace, span, detail string
		if err := r.Scan(&trace, &span, &detail); err != nil {
			return err
		}
		copy(key.trace[:], trace)
		copy(key.span[:], span)
		if _, wanted := out[key]; !wanted {
			return nil
		}
		one, err := outlineOf(detail)
		out[key] = one.Warnings
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the warnings of %d traces: %w", len(p.traces), err)
	}
	return out, nil
}
