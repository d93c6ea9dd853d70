package genai

// Whose part a log record is that names no span. It is said of a record and the spans of its trace together and never stored, so
// that it does not matter which of them came first, and a span that comes later corrects it.

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

const (
	// recordSlack is by how much the time of a record may miss the call that it is a part of: an SDK (JavaScript's) gives records
	// whole milliseconds and spans fractions, so that what was recorded within a call may lie before or behind it.
	recordSlack = time.Millisecond
	// maxNested bounds the calls that are under way at one time, and the levels between them, among which the innermost is looked
	// for. Where there are more, a record that names none of them is a part of none.
	maxNested = 64
)

// Turn is where in its sender's own order a record stands that names no call: what one prompt of a user led to, and the place of the
// record in it. Of the records of a turn, some name a call by its response.
type Turn struct {
	ID       string // "": the sender has no such order
	Sequence int64
}

// ApartDialects are the dialects whose log records may name no trace. To spans of others nothing is joined by an id alone, so that
// reading these costs nothing.
var ApartDialects = []string{"claude-code"}

// SpanHead is what of a span says whether a record is a part of it.
type SpanHead struct {
	UsageNode
	End    time.Time
	CallID string // of the execution of a tool
	Apart  bool   // its dialect is one of ApartDialects
}

// Head is the span's part in Place.
func (s *Span) Head() SpanHead {
	return SpanHead{UsageNode: s.UsageNode(s.Usage.Rollup), End: s.End, CallID: s.Tool.CallID, Apart: slices.Contains(ApartDialects, s.Dialect)}
}

// RecordHead is what of a log record that names no span says whose part it is.
type RecordHead struct {
	TraceID    TraceID // zero: the record names no trace
	Time       time.Time
	Operation  Operation // that it is about; "" when it does not say, as messages do not
	ResponseID string
	CallID     string // of the execution of a tool
	Turn       Turn
}

// RecordHead is the part in Place of the record that the fragment was read from.
func (s *Span) RecordHead() RecordHead {
	r := RecordHead{
		TraceID: s.TraceID, Time: s.Start, Operation: s.Operation, ResponseID: s.ResponseID, CallID: s.Tool.CallID, Turn: s.Turn,
	}
	messages := len(s.Input)+len(s.Output)+len(s.System) > 0
	switch {
	case r.Operation != "" || messages:
	case s.Tool != ToolExecution{}:
		r.Operation = OpExecuteTool
	case len(s.Evaluations) > 0:
		r.Operation, r.ResponseID = OpEvaluator, cmp.Or(r.ResponseID, s.Evaluations[0].ResponseID)
	}
	return r
}

// UniqueID reports whether an id is long enough that no other response, or execution of a tool, has it.
func UniqueID(id string) bool { return len(id) >= UniqueIDBytes }

// Joinable reports whether something joins the record with a span: its trace, or an id that no other has.
func (r *RecordHead) Joinable() bool {
	return !r.TraceID.IsZero() || UniqueID(r.ResponseID) || UniqueID(r.CallID) || UniqueID(r.Turn.ID)
}

// Place says of each record which of the spans of one trace it is a part of; zero: of none, or of nobody knows which.
//
//   - A record that names a response, or the execution of a tool, is a part of the span that has the id. Of several spans (a wrapper
//     and the call below it, a gateway and its client) it is the call of a model before others, then the one whose usage counts
//     (UsageTree), then the innermost, then the earliest. Ids too short to be unique (UniqueIDBytes) stand for one response within
//     nested spans only; of others the time decides.
//   - A record of a turn that names neither belongs to the call of the next record of the turn that names one: what was asked is
//     recorded before what was answered. While another call of the turn was under way, nobody knows.
//   - Any other record of a call belongs to the only call that was under way at its time, give or take recordSlack, of nested ones to
//     the innermost. Calls that are known to have another response than the record are not looked at, and a record of messages is a
//     part of calls that have messages (Operation.HasMessages) alone.
//   - When none was under way, it belongs to the only call of the trace; one that wraps another is the same call.
//
// The last two hold for records that name their trace and no turn, and not for tools, agents and evaluations: what runs at their
// time may be anything. Where several calls overlap, nothing is guessed. The answer does not depend on the order of spans and
// records.
//
// Time is n log n in the number of both, memory linear. It needs the whole trace, of which each span comes once.
func Place(spans []SpanHead, records []RecordHead) []SpanID {
	out := make([]SpanID, len(records))
	if len(spans) == 0 || len(records) == 0 {
		return out
	}
	p := newPlacing(spans, records)
	timed := map[Operation][]int32{}
	for i := range records {
		r := &records[i]
		at := p.named(r)
		if at < 0 && r.Turn.ID != "" && r.ResponseID == "" && r.CallID == "" {
			at = p.next(r)
		}
		if at >= 0 {
			out[i] = spans[at].SpanID
		} else if !r.TraceID.IsZero() && r.Turn.ID == "" && r.CallID == "" && (r.Operation == "" || r.Operation.IsInference()) {
			timed[r.Operation.class()] = append(timed[r.Operation.class()], int32(i))
		}
	}
	for class, list := range timed {
		p.byTime(class, list, func(i, at int32) { out[i] = spans[at].SpanID })
	}
	return out
}

// TraceHeads are the spans of traces.
type TraceHeads map[TraceID][]SpanHead

// SpanPlace names a span.
type SpanPlace struct {
	TraceID TraceID
	SpanID  SpanID
}

// Place says of records that name no span which one they are a part of, each of its trace; one that names no trace, of those with a
// span of ApartDialects that has its id: there may be several, which are given in their order. What is a part of none is left out.
func (h TraceHeads) Place(records []RecordHead) map[int][]SpanPlace {
	out := map[int][]SpanPlace{}
	for trace, list := range h.owners(records) {
		asked := make([]RecordHead, len(list))
		for i, n := range list {
			asked[i] = records[n]
		}
		for i, span := range Place(h[trace], asked) {
			if !span.IsZero() {
				out[list[i]] = append(out[list[i]], SpanPlace{trace, span})
			}
		}
	}
	for _, places := range out {
		slices.SortFunc(places, func(a, b SpanPlace) int { return bytes.Compare(a.TraceID[:], b.TraceID[:]) })
	}
	return out
}

// owners are the records of each trace: those that name none by their ids, and by those of their turn.
func (h TraceHeads) owners(records []RecordHead) map[TraceID][]int {
	ids, turns := map[string][]TraceID{}, map[string][]TraceID{}
	add := func(to map[string][]TraceID, id string, traces ...TraceID) {
		for _, t := range traces {
			if !slices.Contains(to[id], t) {
				to[id] = append(to[id], t)
			}
		}
	}
	for trace, spans := range h {
		for i := range spans {
			for _, id := range []string{spans[i].ResponseID, spans[i].CallID} {
				if spans[i].Apart && UniqueID(id) {
					add(ids, id, trace)
				}
			}
		}
	}
	for i := range records {
		if r := &records[i]; r.Turn.ID != "" && r.TraceID.IsZero() {
			add(turns, r.Turn.ID, ids[r.ResponseID]...)
		}
	}
	out := map[TraceID][]int{}
	for i := range records {
		r := &records[i]
		if !r.TraceID.IsZero() {
			out[r.TraceID] = append(out[r.TraceID], i)
			continue
		}
		traces := slices.Concat(ids[r.ResponseID], ids[r.CallID], turns[r.Turn.ID])
		slices.SortFunc(traces, func(a, b TraceID) int { return bytes.Compare(a[:], b[:]) })
		for _, trace := range slices.Compact(traces) {
			out[trace] = append(out[trace], i)
		}
	}
	return out
}

// class is the operation, one of all that have messages for each of them: senders name the same call differently.
func (o Operation) class() Operation {
	if o == "" || o.HasMessages() {
		return OpChat
	}
	return o
}

// placing is what Place knows of a trace. Spans are named by their index.
type placing struct {
	spans     []SpanHead
	records   []RecordHead
	tree      *UsageTree
	call      []int32 // the next model call above, -1 when there is none
	apart     []bool  // whether a tool or an agent lies between the span and call
	wraps     []bool  // whether the span is a call that another one below is, too
	responses map[string]*owners
	tools     map[string]*owners
	turns     map[string][]answered
}

// owners are the spans with one id, and the one that its records are a part of, when that is settled.
type owners struct {
	spans []int32
	best  int32
	known bool
}

func own(m map[string]*owners, id string, span int32) {
	if id == "" {
		return
	}
	o := m[id]
	if o == nil {
		o = &owners{}
		m[id] = o
	}
	o.spans = append(o.spans, span)
}

// answered is a response that a record of a turn names.
type answered struct {
	sequence int64
	response string
}

func newPlacing(spans []SpanHead, records []RecordHead) *placing {
	n := len(spans)
	nodes := make([]UsageNode, n)
	for i := range spans {
		nodes[i] = spans[i].UsageNode
	}
	p := &placing{
		spans: spans, records: records, tree: NewUsageTree(nodes), call: make([]int32, n), apart: make([]bool, n), wraps: make([]bool, n),
		responses: map[string]*owners{}, tools: map[string]*owners{}, turns: map[string][]answered{},
	}
	p.climb()
	for i := range spans {
		own(p.responses, spans[i].ResponseID, int32(i))
		own(p.tools, spans[i].CallID, int32(i))
		if up := p.call[i]; up >= 0 && !p.apart[i] && spans[i].Operation.class() == spans[up].Operation.class() && spans[i].Operation.IsInference() {
			p.wraps[up] = true
		}
	}
	for i := range records {
		if r := &records[i]; r.Turn.ID != "" && r.ResponseID != "" {
			p.turns[r.Turn.ID] = append(p.turns[r.Turn.ID], answered{r.Turn.Sequence, r.ResponseID})
		}
	}
	for id, list := range p.turns {
		slices.SortFunc(list, func(a, b answered) int {
			return cmp.Or(cmp.Compare(a.sequence, b.sequence), cmp.Compare(a.response, b.response))
		})
		p.turns[id] = slices.Compact(list)
	}
	return p
}

// climb finds the call above each span; the tree has cut cycles.
func (p *placing) climb() {
	seen := make([]bool, len(p.spans))
	var path []int32
	for i := range p.spans {
		path = path[:0]
		for at := int32(i); at >= 0 && !seen[at]; at = p.tree.parent[at] {
			seen[at] = true
			path = append(path, at)
		}
		for _, at := range slices.Backward(path) {
			up := p.tree.parent[at]
			switch {
			case up < 0:
				p.call[at] = -1
			case p.spans[up].Operation.IsInference():
				p.call[at] = up
			default:
				p.call[at], p.apart[at] = p.call[up], p.apart[up] || p.spans[up].Operation.apart()
			}
		}
	}
}

// named is the span that has the id that the record names, -1 when none has. Of a record without a trace, a short one says nothing.
func (p *placing) named(r *RecordHead) int32 {
	switch {
	case r.TraceID.IsZero() && !UniqueID(cmp.Or(r.CallID, r.ResponseID)):
	case r.CallID != "":
		return p.best(p.tools[r.CallID], r.CallID, func(s *SpanHead) int { return flag(s.Operation == OpExecuteTool) })
	case r.ResponseID != "":
		return p.best(p.responses[r.ResponseID], r.ResponseID, func(s *SpanHead) int {
			return 2*flag(s.Operation.IsInference()) + flag(s.Operation.IsInference() && !s.Wrapper)
		})
	}
	return -1
}

// best is the span that a record with their id is a part of.
func (p *placing) best(o *owners, id string, rank func(*SpanHead) int) int32 {
	if o == nil {
		return -1
	}
	if o.known {
		return o.best
	}
	found := int32(-1)
	var n int // that are not one call seen twice
	for _, i := range o.spans {
		if p.tree.Roles[i] == UsageSameSpan {
			continue
		}
		if !p.wraps[i] {
			n++
		}
		if found < 0 || p.before(i, found, rank) {
			found = i
		}
	}
	if n > 1 && !UniqueID(id) {
		found = -1
	}
	o.best, o.known = found, true
	return found
}

// before orders spans with one id, the one that its records belong to first.
func (p *placing) before(i, j int32, rank func(*SpanHead) int) bool {
	a, b := &p.spans[i], &p.spans[j]
	counts := func(i int32) int { return flag(p.tree.Roles[i] == UsageCounts) }
	if c := cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(counts(j), counts(i)), cmp.Compare(flag(p.wraps[i]), flag(p.wraps[j]))); c != 0 {
		return c < 0
	}
	return a.starts(&b.UsageNode)
}

// next is the call of the next record of the turn that names one, -1 when there is none in the trace, or when nobody can tell.
func (p *placing) next(r *RecordHead) int32 {
	list := p.turns[r.Turn.ID]
	at, _ := slices.BinarySearchFunc(list, r.Turn.Sequence+1, func(a answered, s int64) int { return cmp.Compare(a.sequence, s) })
	if at == len(list) {
		return -1
	}
	own := list[at].response
	for _, other := range list[at:min(at+maxNested, len(list))] {
		if other.response == own {
			continue
		}
		if i := p.named(&RecordHead{TraceID: r.TraceID, ResponseID: other.response}); i >= 0 && p.spans[i].holds(r.Time) {
			return -1
		}
	}
	return p.named(&RecordHead{TraceID: r.TraceID, ResponseID: own})
}

// holds reports whether the span was under way at a time.
func (s *SpanHead) holds(t time.Time) bool {
	return !t.Before(s.Start.Add(-recordSlack)) && !t.After(s.End.Add(recordSlack))
}

// byTime places records of one class of calls.
func (p *placing) byTime(class Operation, records []int32, put func(record, span int32)) {
	var calls []int32
	for i := range p.spans {
		if s := &p.spans[i]; s.Operation.IsInference() && s.Operation.class() == class && p.tree.Roles[i] != UsageSameSpan {
			calls = append(calls, int32(i))
		}
	}
	sole, soleSilent := p.sole(calls, false), p.sole(calls, true)
	byStart := slices.Clone(calls)
	slices.SortFunc(byStart, func(a, b int32) int { return p.spans[a].Start.Compare(p.spans[b].Start) })
	byEnd := calls
	slices.SortFunc(byEnd, func(a, b int32) int { return p.spans[a].End.Compare(p.spans[b].End) })
	slices.SortFunc(records, func(a, b int32) int { return p.records[a].Time.Compare(p.records[b].Time) })
	going := map[int32]bool{}
	over := make(map[int32]bool, len(calls)) // an end may lie before its start
	for _, i := range records {
		r := &p.records[i]
		for len(byEnd) > 0 && p.spans[byEnd[0]].End.Add(recordSlack).Before(r.Time) {
			over[byEnd[0]] = true
			delete(going, byEnd[0])
			byEnd = byEnd[1:]
		}
		for len(byStart) > 0 && !r.Time.Before(p.spans[byStart[0]].Start.Add(-recordSlack)) {
			if !over[byStart[0]] {
				going[byStart[0]] = true
			}
			byStart = byStart[1:]
		}
		at, n := p.innermost(going, r)
		if n == 0 {
			if at = sole; r.ResponseID != "" {
				at = soleSilent
			}
		}
		if at >= 0 {
			put(i, at)
		}
	}
}

// innermost is the call that all others under way are above, -1 when there is none; n is how many are.
func (p *placing) innermost(going map[int32]bool, r *RecordHead) (found int32, n int) {
	if len(going) > maxNested {
		return -1, len(going)
	}
	var list []int32
	above := map[int32]bool{}
	for i := range going {
		if r.ResponseID != "" && p.spans[i].ResponseID != "" && p.spans[i].ResponseID != r.ResponseID {
			continue
		}
		list = append(list, i)
		up := p.call[i]
		for range maxNested {
			if up < 0 {
				break
			}
			above[up] = true
			up = p.call[up]
		}
	}
	found = -1
	for _, i := range list {
		switch {
		case above[i]:
		case found >= 0:
			return -1, len(list)
		default:
			found = i
		}
	}
	return found, len(list)
}

// sole is the only call that no other one is a part of, -1 when there are several; silent: of those of which no response is known.
func (p *placing) sole(calls []int32, silent bool) int32 {
	found := int32(-1)
	for _, i := range calls {
		if p.wraps[i] || silent && p.spans[i].ResponseID != "" {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}
