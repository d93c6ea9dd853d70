package store

// A trace's usage and cost are the sum of its leaves. Which spans these are follows from the whole trace
// (genai.UsageTree), so it is worked out when a trace is read: of a trace that is opened, and of those
// on one page of a list.

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
)

const (
	// maxUsageSpans bounds the spans that are looked at for one page, smaller traces first. A span takes some 300 bytes.
	maxUsageSpans = 20_000
	// maxUsagePlaces bounds the pairs of trace and five minutes in which they are looked for.
	maxUsagePlaces = 4_000
	// placesPerQuery bounds one look-up, as hashesPerQuery does.
	placesPerQuery = 1_000
)

// usageOfTraces reads what a UsageTree needs. Pairs of the key's parts: the traces of a page may lie days apart.
const usageOfTraces = `
SELECT ` + headColumnList + `,
    toString(cost), cost_currency, outcome, has_input, has_output, finish_reasons, warnings
FROM spans
WHERE project = {project:String}` + usagePlaces + `
ORDER BY start, span_id, ` + latest + ` LIMIT 1 BY trace_id, span_id LIMIT {limit:UInt32}`

// usagePlaces are the spans of a page's traces.
const usagePlaces = `
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
  AND (toStartOfFiveMinutes(start), trace_id) IN
  (
    SELECT toDateTime(toUInt32(splitByChar('-', place)[1]), 'UTC'), toFixedString(unhex(splitByChar('-', place)[2]), 16)
    FROM (SELECT arrayJoin(splitByChar(',', {places:String})) AS place)
  )`

// costNode is a span's part in its trace's usage and cost, and what decides about its warnings.
type costNode struct {
	genai.SpanHead
	cost   genai.Cost
	failed bool
	said   said
	finish []genai.FinishReason
	codes  []string // of its own warnings
}

// spanCounts are the spans of a trace, each once: the stored summary counts a span that was sent again again.
type spanCounts struct{ spans, genAI, failed int64 }

func (c *spanCounts) add(genAI, failed bool) {
	c.spans++
	if genAI {
		c.genAI++
	}
	if failed {
		c.failed++
	}
}

func (t *TraceSummary) count(c spanCounts) {
	t.Spans, t.GenAISpans, t.Errors = c.spans, c.genAI, c.failed
}

// usageSum is what the leaves of a trace sum up to, and what each span is to that.
type usageSum struct {
	usage    genai.Usage
	cost     genai.Cost
	unpriced int64
	roles    []genai.UsageRole
	repeats  []genai.SpanID
}

// sumUsage sums up a whole trace.
func sumUsage(nodes []costNode) (out usageSum) {
	plain, priced := make([]genai.UsageNode, len(nodes)), make([]bool, len(nodes))
	for i := range nodes {
		plain[i], priced[i] = nodes[i].UsageNode, nodes[i].cost.Currency != ""
	}
	t := genai.NewUsageTree(plain)
	out.roles, out.usage, out.repeats = t.Roles, genai.SumUsage(plain, t.Roles), make([]genai.SpanID, len(nodes))
	counts := t.Costs(priced)
	for i := range nodes {
		out.repeats[i] = t.Repeats(i)
		if counts[i] {
			out.cost.Currency = max(out.cost.Currency, nodes[i].cost.Currency)
		}
	}
	var sum pico
	for i := range nodes {
		switch {
		case counts[i] && nodes[i].cost.Currency == out.cost.Currency:
			sum.add(nodes[i].cost.Amount)
		case counts[i], out.roles[i] == genai.UsageCounts:
			out.unpriced++
		}
	}
	if out.cost.Currency != "" {
		out.cost.Amount = sum.String()
	}
	return out
}

// pico is an amount in units of 10^-12, in two's complement.
type pico struct{ hi, lo uint64 }

func (p *pico) add(amount string) {
	lo, hi, ok := parseCost(amount)
	if !ok {
		return // the engine's own decimals can all be read
	}
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, lo, 0)
	p.hi, _ = bits.Add64(p.hi, hi, carry)
}

func (p pico) String() string {
	if int64(p.hi) >= 0 { //nolint:gosec // the sign
		return decimalText(p.hi, p.lo, costScale)
	}
	lo, borrow := bits.Sub64(0, p.lo, 0)
	hi, _ := bits.Sub64(0, p.hi, borrow)
	return "-" + decimalText(hi, lo, costScale)
}

// settle gives the spans of a trace their roles, and its summary the sums and the warnings.
func (d *TraceDetail) settle() {
	nodes := make([]costNode, len(d.Spans))
	for i := range d.Spans {
		s := &d.Spans[i].Span
		nodes[i] = costNode{SpanHead: s.Head(), cost: s.Cost}
	}
	sum := sumUsage(nodes)
	d.Summary.Warnings = 0 // the summary table counts what spans say without their log records
	for i := range d.Spans {
		d.Summary.Warnings += int64(len(d.Spans[i].Warnings))
		d.Spans[i].Role, d.Spans[i].Repeats = sum.roles[i], sum.repeats[i]
	}
	d.Summary.sums(sum)
	d.Summary.Estimated = d.Truncated
}

func (t *TraceSummary) sums(sum usageSum) {
	t.Usage, t.Cost, t.Unpriced = sum.usage, sum.cost, sum.unpriced
}

// usages replaces what the summaries of a page say of usage and cost by the sum of the traces' leaves.
// Traces that are too large for that, the largest first, keep what they have and say so.
func (s *Store) usages(ctx context.Context, project string, list []TraceSummary) error {
	order := make([]*TraceSummary, 0, len(list))
	for i := range list {
		if list[i].GenAISpans > 0 {
			order = append(order, &list[i])
		}
	}
	slices.SortFunc(order, func(a, b *TraceSummary) int {
		return cmp.Or(cmp.Compare(a.Spans, b.Spans), slices.Compare(a.TraceID[:], b.TraceID[:]))
	})
	left, places := int64(s.limits.usage), maxUsagePlaces
	var part usagePage
	for _, t := range order {
		n := t.fiveMinutes()
		if left -= t.Spans; left < 0 || n > places {
			t.Estimated = true
			continue
		}
		places -= n
		if len(part.places) > 0 && len(part.places)+n > placesPerQuery {
			if err := s.usagesOf(ctx, project, &part); err != nil {
				return err
			}
			part = usagePage{}
		}
		part.add(t)
	}
	return s.usagesOf(ctx, project, &part)
}

const fiveMinutes = int64(5 * time.Minute)

// fiveMinutes is in how many of the key's steps spans of the trace may start.
func (t *TraceSummary) fiveMinutes() int {
	return int(clampNano(t.End)/fiveMinutes-clampNano(t.Start)/fiveMinutes) + 1
}

// usagePage is the traces of one look-up.
type usagePage struct {
	traces   []*TraceSummary
	places   []string // "unix seconds-trace id"
	from, to int64
}

func (p *usagePage) add(t *TraceSummary) {
	first, last := clampNano(t.Start), clampNano(t.End)
	if len(p.traces) == 0 {
		p.from, p.to = first, last
	}
	p.from, p.to = min(p.from, first), max(p.to, last)
	p.traces = append(p.traces, t)
	id := hex.EncodeToString(t.TraceID[:])
	for at := first / fiveMinutes; at <= last/fiveMinutes; at++ {
		p.places = append(p.places, strconv.FormatInt(at*(fiveMinutes/int64(time.Second)), 10)+"-"+id)
	}
}

func (s *Store) usagesOf(ctx context.Context, project string, p *usagePage) error {
	if len(p.traces) == 0 {
		return nil
	}
	found := map[genai.TraceID][]costNode{}
	n := 0
	ps := params{{"project", project}, nanoParam("from", p.from), nanoParam("to", p.to), {"places", strings.Join(p.places, ",")}, {"limit", strconv.Itoa(s.limits.usage + 1)}}
	err := s.each(ctx, "usages", usageOfTraces, ps, func(r driver.Rows) error {
		var c costNode
		trace, err := c.scan(r)
		found[trace] = append(found[trace], c)
		n++
		return err
	})
	if err != nil {
		return fmt.Errorf("read the usage of %d traces: %w", len(p.traces), err)
	}
	if n > s.limits.usage { // spans came since the summaries were read: nobody knows whose are missing
		for _, t := range p.traces {
			t.Estimated = true
		}
		return nil
	}
	heard, all, err := s.recordsOf(ctx, project, p, found)
	if err != nil {
		return err
	}
	for _, t := range p.traces {
		nodes := found[t.TraceID]
		var c spanCounts
		for i := range nodes {
			c.add(nodes[i].Operation != "", nodes[i].failed)
			t.apart = t.apart || nodes[i].Apart
			nodes[i].hear(heard[spanKey{t.TraceID, nodes[i].SpanID}])
		}
		t.count(c)
		t.sums(sumUsage(nodes))
	}
	if !all {
		return nil
	}
	return s.doubts(ctx, project, p, found, heard)
}

// hear fills in what only the span's log records say of its usage and cost, as the span does that is opened.
func (c *costNode) hear(r records) {
	if len(r.parts) == 0 {
		return
	}
	one := genai.Span{
		Operation: c.Operation, RequestModel: c.RequestModel, ResponseModel: c.ResponseModel, ResponseID: c.ResponseID, Usage: c.Usage,
	}
	if c.cost.Currency != "" {
		one.Cost = c.cost
	}
	one.Merge(r.parts)
	c.Operation, c.RequestModel, c.ResponseModel, c.ResponseID = one.Operation, one.RequestModel, one.ResponseModel, one.ResponseID
	c.Usage, c.Wrapper, c.cost = one.Usage, one.Usage.Rollup, one.Cost
}

func (c *costNode) scan(r driver.Rows) (trace genai.TraceID, err error) {
	var outcome, hasIn, hasOut uint8
	var finish []string
	trace, err = scanHead(r, &c.SpanHead, &c.cost.Amount, &c.cost.Currency, &outcome, &hasIn, &hasOut, &finish, &c.codes)
	c.failed, c.said = outcome != 0, said{hasIn != 0, hasOut != 0}
	for _, f := range finish {
		c.finish = append(c.finish, genai.FinishReason(f))
	}
	return trace, err
}

// knownCounts fills the counts that columns hold; -1 is unknown.
func knownCounts(u *genai.Usage, counts *[5]int64) {
	for i, t := range []*genai.Tokens{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite, &u.Reasoning} {
		if counts[i] >= 0 {
			*t = genai.Count(counts[i])
		}
	}
}
