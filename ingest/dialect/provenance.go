package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Outcome says what became of an attribute.
type Outcome string

// The outcomes.
const (
	Filled   Outcome = "filled"   // it filled the fields
	Repeated Outcome = "repeated" // it says what the fields hold already
	Conflict Outcome = "conflict" // it says something else than the fields, which an earlier one filled; it stays an attribute
	Ignored  Outcome = "ignored"  // no dialect that speaks on the span reads it; it stays an attribute
	Derived  Outcome = "derived"  // no attribute: it follows from several fields
)

// Source is one line of an explanation.
type Source struct {
	Event   string // the span event that has the attribute, "" for one of the span
	Key     string // the attribute; "" for a whole event, and for what was derived
	Dialect string // the dialect that read it, "" when none did; "rules": a user's rule
	Rule    string // the rule that read it
	Outcome Outcome
	Fields  []string // of genai.Span, as Go spells them: "RequestModel", "Usage.Input"
}

// Explain is Span with an account of where each field came from: every attribute of the span in the
// order sent, then what was derived. It finds out by comparing the span before and after each step,
// so it costs some hundred times what Span costs; Span pays nothing for it. It counts in no metric.
func (n *Normalizer) Explain(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) []Source {
	r := &reading{limits: n.limits, rules: n.rules, trace: &tracer{}}
	r.begin(dst, res, scope)
	n.read(r, s)
	t := r.trace
	r.end()
	slices.SortStableFunc(t.steps, func(a, b step) int { return cmp.Or(a.set-b.set, a.seq-b.seq) })
	out := make([]Source, len(t.steps))
	for i := range t.steps {
		out[i] = t.steps[i].Source
	}
	return out
}

// tracer notes where fields came from.
type tracer struct {
	steps []step
	event string // whose attributes are read
	set   int    // the number of the set of attributes that is read
}

// step is a source with its place.
type step struct {
	Source
	set, seq int
}

func (t *tracer) note(seq int, s Source) {
	s.Event = cmp.Or(s.Event, t.event)
	t.steps = append(t.steps, step{s, t.set, seq})
}

// noted says whether something is noted of an attribute of the set that is read.
func (t *tracer) noted(seq int) bool {
	return slices.ContainsFunc(t.steps, func(s step) bool { return s.set == t.set && s.seq == seq })
}

// endSet notes the attributes that nobody took and begins the next set.
func (t *tracer) endSet(left []leftOver) {
	for i := range left {
		if !t.noted(left[i].seq) {
			t.note(left[i].seq, Source{Key: string(left[i].name), Outcome: Ignored})
		}
	}
	t.event = ""
	t.set++
}

// traceKey offers a key to a dialect and notes what it did.
func (r *reading) traceKey(d *speaker, k key) {
	h := r.held[k]
	var ok bool
	changed := r.changes(func() { ok = d.takers[k](r, k, h.v) })
	if ok {
		r.consumed.add(k)
	}
	name := keys[k].name
	if len(changed) > 0 {
		r.trace.note(int(h.seq), Source{Key: name, Dialect: d.name, Outcome: Filled, Fields: changed})
		return
	}
	would := r.would(func(p *reading) { d.takers[k](p, k, h.v) })
	switch {
	case ok:
		r.trace.note(int(h.seq), Source{Key: name, Dialect: d.name, Outcome: Repeated, Fields: would})
	case len(would) > 0 && !r.trace.noted(int(h.seq)): // one line an attribute
		r.trace.note(int(h.seq), Source{Key: name, Dialect: d.name, Outcome: Conflict, Fields: would})
	}
}

// traceList does for a flattened list what traceKey does for a key.
func (r *reading) traceList(l *list, es []element) {
	probe := slices.Clone(es)
	changed := r.changes(func() { l.take(r, es) })
	fields := changed
	if len(changed) == 0 {
		fields = r.would(func(p *reading) { l.take(p, probe) })
	}
	for i := range es {
		outcome := Filled
		switch e := &es[i]; {
		case e.taken && len(changed) == 0:
			outcome = Repeated
		case e.taken:
		case probe[i].taken:
			outcome = Conflict
		default:
			continue
		}
		r.trace.note(es[i].seq, Source{Key: string(es[i].name), Dialect: l.of.name, Outcome: outcome, Fields: fields})
	}
}

// tracePrefixed notes a key that was read while the attributes were sorted.
func (r *reading) tracePrefixed(name []byte, seq int, take func() bool) bool {
	var ok bool
	if changed := r.changes(func() { ok = take() }); ok {
		r.trace.note(seq, Source{Key: string(name), Dialect: otelName, Outcome: Filled, Fields: changed})
	}
	return ok
}

// traceStep notes what follows from several fields, or from a whole event.
func (r *reading) traceStep(s Source, do func()) {
	if r.trace == nil {
		do()
		return
	}
	if s.Fields = r.changes(do); len(s.Fields) > 0 {
		r.trace.set++
		r.trace.note(0, s)
		r.trace.set++
	}
}

// traceSettle notes what follows from several fields.
func (r *reading) traceSettle() {
	for _, d := range r.speakers {
		if d.settle != nil {
			r.traceStep(Source{Dialect: d.name, Outcome: Derived}, func() { d.settle(r.dst, r) })
		}
	}
	r.traceStep(Source{Outcome: Derived}, r.settle)
}

// changes gives the fields of the span that do changed.
func (r *reading) changes(do func()) (names []string) {
	before, eval := fieldsOf(r.dst), r.eval
	do()
	after := fieldsOf(r.dst)
	for i := range after {
		if before[i] != after[i] {
			names = append(names, after[i].name)
		}
	}
	if eval != r.eval {
		names = append(names, "Evaluations")
	}
	return names
}

// would gives the fields that a step fills when it is the first.
func (r *reading) would(step func(*reading)) []string {
	for _, op := range []genai.Operation{"", r.dst.Operation} {
		probe := *r
		blank := genai.Span{Operation: op, Name: r.dst.Name, Scope: r.dst.Scope, Start: r.dst.Start, End: r.dst.End}
		if op != "" { // what needs counts to be there finds some
			blank.Usage.Input = r.dst.Usage.Input
		}
		probe.dst, probe.trace, probe.params, probe.composing = &blank, nil, nil, false
		probe.filled = [numContents]wire.Value{}
		if names := probe.changes(func() { step(&probe) }); len(names) > 0 {
			return names
		}
	}
	return nil
}

// field is a canonical field with its value as text.
type field struct{ name, value string }

// fieldsOf gives the fields that attributes can fill.
func fieldsOf(s *genai.Span) []field {
	return appendFields(nil, "", reflect.ValueOf(s).Elem())
}

func appendFields(dst []field, prefix string, v reflect.Value) []field {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		switch f := v.Field(i); f.Interface().(type) {
		case genai.Service, genai.Scope, []genai.Attribute, []genai.Event, []genai.Link, genai.Dropped, []byte, []genai.Warning, []genai.ReportedCount:
		case genai.Request, genai.Retrieval, genai.ToolExecution, genai.Embedding, genai.Usage, genai.Agent, genai.Prompt, genai.Error:
			dst = appendFields(dst, name+".", f)
		default:
			b, err := json.Marshal(f.Interface())
			if err != nil {
				b = fmt.Append(nil, f.Interface())
			}
			dst = append(dst, field{name, string(b)})
		}
	}
	return dst
}
