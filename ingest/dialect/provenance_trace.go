package dialect

// How a reading notes what each of its steps did.

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// tracer notes where fields came from.
type tracer struct {
	steps    []step
	places   map[[2]int]bool // of which something is noted: set and seq
	speakers []Spoken
	event    string // whose attributes are read
	set      int    // the number of the set of attributes that is read
}

func newTracer() *tracer { return &tracer{places: map[[2]int]bool{}} }

// note notes a source with the value that it had.
func (t *tracer) note(seq int, s Source, v wire.Value) {
	s.Event = cmp.Or(s.Event, t.event)
	s.Value, s.Cut = preview(v)
	t.steps = append(t.steps, step{Source: s, set: t.set, seq: seq})
	t.places[[2]int{t.set, seq}] = true
}

// noteSaid notes a source that changed nothing, with what it says; its outcome shows in the end.
func (t *tracer) noteSaid(seq int, s Source, v wire.Value, said *saying, taken bool) {
	for _, f := range spanFields {
		if _, ok := said.fields[f.name]; ok {
			s.Fields = append(s.Fields, f.name)
		}
	}
	t.note(seq, s, v)
	own := *said
	own.taken = taken
	t.steps[len(t.steps)-1].said = &own
}

// noted says whether something is noted of an attribute of the set that is read.
func (t *tracer) noted(seq int) bool { return t.places[[2]int{t.set, seq}] }

// speaks notes a dialect that the span shows.
func (t *tracer) speaks(r *reading, d *speaker) {
	s := Spoken{Name: d.name, Place: placeOf(d)}
	if d.version != nil {
		s.Version = d.version(r)
	}
	t.speakers = append(t.speakers, s)
}

// endSet notes the attributes that nobody took and begins the next set.
func (t *tracer) endSet(left []leftOver) {
	for i := range left {
		if !t.noted(left[i].seq) {
			t.note(left[i].seq, Source{Key: string(left[i].name), Outcome: Ignored}, left[i].v)
		}
	}
	t.event = ""
	t.set++
}

// preview is the beginning of a value as text.
func preview(v wire.Value) (string, bool) {
	b := v.Str()
	if v.Kind() != wire.KindString {
		b, _ = v.AppendText(nil, wire.DefaultDepth)
	}
	b, cut := wire.CutText(b, PreviewBytes)
	return string(wire.AppendValidUTF8(nil, b)), cut
}

// traceKey offers a key to a dialect and notes what it did.
func (r *reading) traceKey(d *speaker, k key) {
	h := r.held[k]
	var ok bool
	warned := len(r.dst.Warnings)
	changed := r.changes(func() { ok = d.takers[k](r, k, h.v) })
	if ok {
		r.consumed.add(k)
	}
	name := keys[k].name
	if len(changed) > 0 {
		r.trace.note(int(h.seq), Source{Key: name, Dialect: d.name, Outcome: Filled, Fields: changed}, h.v)
		return
	}
	said := r.would(func(p *reading) { d.takers[k](p, k, h.v) })
	said.doubt = !ok && len(r.dst.Warnings) > warned
	if ok || said.doubt || len(said.fields) > 0 {
		r.trace.noteSaid(int(h.seq), Source{Key: name, Dialect: d.name}, h.v, said, ok)
	}
}

// traceList does for a flattened list what traceKey does for a key.
func (r *reading) traceList(l *list, es []element) {
	fresh := slices.Clone(es)
	changed := r.changes(func() { l.take(r, es) })
	var probe []element
	var said *saying
	if len(changed) == 0 {
		said = r.would(func(p *reading) {
			probe = slices.Clone(fresh)
			l.take(p, probe)
		})
	}
	for i := range es {
		e := &es[i]
		line := Source{Key: string(e.name), Dialect: l.of.name}
		switch {
		case said != nil && (e.taken || probe[i].taken):
			r.trace.noteSaid(e.seq, line, e.v, said, e.taken)
		case e.taken:
			line.Outcome, line.Fields = Filled, changed
			r.trace.note(e.seq, line, e.v)
		}
	}
}

// tracePrefixed notes a key that was read while the attributes were sorted.
func (r *reading) tracePrefixed(name []byte, v wire.Value, seq int) bool {
	var ok bool
	changed := r.changes(func() { ok = r.takeGenAI(name, v) })
	if len(changed) == 0 {
		changed = []string{"Usage.Reported"}
	}
	if ok {
		r.trace.note(seq, Source{Key: string(name), Dialect: otelName, Outcome: Filled, Fields: changed}, v)
	}
	return ok
}

// traceOffer offers an attribute of a message event, of which seq is the place, and notes what became of it.
func (r *reading) traceOffer(name []byte, v wire.Value, seq int) (ok bool) {
	s := Source{Key: string(name)}
	k := lookup(name)
	for _, d := range r.speakers {
		if k == noKey || d.takers[k] == nil {
			continue
		}
		s.Dialect = d.name
		take := func(r *reading) { ok = d.takers[k](r, k, v) }
		if fields := r.changes(func() { take(r) }); len(fields) > 0 {
			s.Outcome, s.Fields = Filled, fields
			r.trace.note(seq, s, v)
			return ok
		}
		taken := ok
		if said := r.would(take); taken || len(said.fields) > 0 {
			r.trace.noteSaid(seq, s, v, said, taken)
		}
		if ok = taken; ok {
			return true
		}
	}
	if s.Dialect, s.Outcome = "", Ignored; !r.trace.noted(seq) {
		r.trace.note(seq, s, v)
	}
	return ok
}

// traceMessage notes what a message event came to; one that changes nothing says again what attributes said.
func (r *reading) traceMessage(event string, add func(*reading)) {
	if r.trace == nil {
		add(r)
		return
	}
	s := Source{Event: event, Dialect: otelName, Outcome: Filled, Fields: r.changes(func() { add(r) })}
	if len(s.Fields) > 0 {
		r.trace.note(0, s, wire.Value{})
	} else if said := r.would(add); len(said.fields) > 0 {
		r.trace.noteSaid(0, s, wire.Value{}, said, true)
	} else {
		return
	}
	r.trace.set++
}

// traceLog lets a dialect read a log record, and notes what came from the record as a whole: all that is not noted of
// one of its attributes.
func (r *reading) traceLog(d *speaker, l *wire.LogRecord) (ok bool) {
	t := r.trace
	t.event = r.dst.Name
	first := len(t.steps)
	whole := r.changes(func() { ok = d.log(r, l) })
	if !ok {
		t.steps = t.steps[:first]
		t.set++
		return false
	}
	for i := range t.steps[first:] {
		if s := &t.steps[first+i]; s.said == nil && s.Outcome == Filled {
			whole = slices.DeleteFunc(whole, func(f string) bool { return slices.Contains(s.Fields, f) })
		}
	}
	t.speakers = append(t.speakers, Spoken{Name: d.name, Place: placeOf(d)})
	t.event = ""
	t.set++
	if s := (Source{Event: r.dst.Name, Dialect: d.name, Outcome: Filled, Fields: whole}); len(whole) > 0 {
		t.note(0, s, l.Body)
	} else if len(t.steps) == first { // every record has its line
		s.Outcome = Ignored
		t.note(0, s, l.Body)
	}
	return true
}

// placeOf is the place of a dialect in the order in which all are asked.
func placeOf(d *speaker) int { return slices.Index(dialects[:], d) + 1 }

// traceStep notes what follows from several fields, or from a whole event.
func (r *reading) traceStep(s Source, do func()) {
	if r.trace == nil {
		do()
		return
	}
	if s.Fields = r.changes(do); len(s.Fields) > 0 {
		r.trace.set++
		r.trace.note(0, s, wire.Value{})
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
	r.traceMoved()
}

// traceMoved corrects what is noted of messages that settling took away (settleOTel): those of an embeddings call are
// what was embedded, those of a tool repeat its arguments and its result.
func (r *reading) traceMoved() {
	for _, m := range []struct {
		gone  bool
		from  string
		of    genai.Operation
		to    string
		again bool
	}{
		{len(r.dst.Input) == 0, "Input", genai.OpEmbeddings, "Embedding.Items", false},
		{len(r.dst.Input) == 0, "Input", genai.OpExecuteTool, "Tool.Arguments", true},
		{len(r.dst.Output) == 0, "Output", genai.OpExecuteTool, "Tool.Result", true},
	} {
		if !m.gone || m.of != r.dst.Operation {
			continue
		}
		steps := r.trace.steps[:0]
		for _, s := range r.trace.steps {
			switch at := slices.Index(s.Fields, m.from); {
			case at < 0:
			case s.Outcome == Derived:
				s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f string) bool { return f == m.from || f == m.to && !m.again })
				if len(s.Fields) == 0 {
					continue
				}
			case m.again && len(s.Fields) > 1: // it filled others, too
				s.Fields = slices.Delete(slices.Clone(s.Fields), at, at+1)
			default:
				s.Fields = slices.Clone(s.Fields)
				if s.said != nil {
					s.said.fields = maps.Clone(s.said.fields)
					s.said.fields[m.to] = claim{same: s.said.fields[m.from].same}
				}
				if s.Fields[at] = m.to; m.again && s.Outcome == Filled {
					s.Outcome = Repeated
				}
			}
			steps = append(steps, s)
		}
		r.trace.steps = steps
	}
}

// changes gives the fields of the span that do changed.
func (r *reading) changes(do func()) (names []string) {
	before, eval := sumsOf(r.dst), r.eval
	do()
	after := sumsOf(r.dst)
	for i := range after {
		if before[i] != after[i] {
			names = append(names, spanFields[i].name)
		}
	}
	if eval != r.eval && !slices.Contains(names, "Evaluations") {
		names = append(names, "Evaluations")
	}
	return names
}

// would gives what a step says when it is the first.
func (r *reading) would(do func(*reading)) *saying {
	said := &saying{}
	for _, on := range []struct {
		op     genai.Operation
		counts bool // what needs counts to be there finds some
	}{{r.dst.Operation, false}, {"", false}, {r.dst.Operation, true}} {
		probe := *r
		blank := genai.Span{Operation: on.op, Name: r.dst.Name, Scope: r.dst.Scope, Start: r.dst.Start, End: r.dst.End}
		if on.counts {
			blank.Usage.Input = r.dst.Usage.Input
		}
		probe.dst, probe.trace, probe.params, probe.composing = &blank, nil, nil, false
		probe.ownInput, probe.ownOutput, probe.total = false, false, genai.Tokens{}
		probe.filled = [numContents]wire.Value{}
		names := probe.changes(func() { do(&probe) })
		if said.total = probe.total; len(names) == 0 || on.op != r.dst.Operation && !slices.Contains(names, "Operation") {
			continue // nothing is said, or only where the operation is another
		}
		said.fields = make(map[string]claim, len(names))
		held := reflect.ValueOf(r.dst).Elem()
		eachField(&blank, func(name string, v reflect.Value) {
			if slices.Contains(names, name) {
				said.fields[name] = claim{v: v}
			}
		})
		for _, f := range spanFields {
			if c, ok := said.fields[f.name]; ok {
				c.same = equal(c.v, held.FieldByIndex(f.index))
				said.fields[f.name] = c
			}
		}
		break
	}
	return said
}
