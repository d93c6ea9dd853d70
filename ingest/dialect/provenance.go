package dialect

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Outcome says what became of an attribute.
type Outcome string

// The outcomes.
const (
	Filled   Outcome = "filled"   // it filled the fields
	Repeated Outcome = "repeated" // it says what the fields hold already
	Conflict Outcome = "conflict" // it says something else than the fields hold; it stays an attribute, a count among those reported
	Ignored  Outcome = "ignored"  // it says nothing of a field that the span has; it stays an attribute
	Derived  Outcome = "derived"  // no attribute: it follows from several fields
)

// PreviewBytes is how much of a value a Source shows: enough to recognise it by.
const PreviewBytes = 200

// Source is one line of an account. An attribute that repeats some fields and contradicts others has a line for each.
type Source struct {
	Event   string // the span event or log record that has the attribute, "" for one of the span
	Record  int    // the number of the log record, see Fragment; 0 for what is of the span itself
	Key     string // the attribute; "" for a whole event or record, and for what was derived
	Dialect string // the dialect that read it, "" when none did; of one ignored that which warned of its value; "rules": a user's rule
	Rule    string // the rule that read it
	Outcome Outcome
	Fields  []string // of genai.Span, as Go spells them: "RequestModel", "Usage.Input"
	Value   string   // the beginning of the value, at most PreviewBytes
	Cut     bool     // the value is longer
}

// Spoken is a dialect that a span shows.
type Spoken struct {
	Name    string
	Version string // "" when that cannot be told
	Place   int    // in the order in which all dialects are asked, from 1 on; 0: a user's rule, its name as the version
}

// Account says how a span was read.
type Account struct {
	Dialects []Spoken // in their order; of records behind those of the span
	Sources  []Source // every attribute in the order sent, then what was derived
}

// Account is Span with an account of where each field came from. It finds out by comparing the span
// before and after each step, so it costs some hundred times what Span costs; Span pays nothing for
// it. It counts in no metric.
func (n *Normalizer) Account(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) Account {
	r := &reading{limits: n.limits, rules: n.rules, trace: newTracer()}
	r.begin(dst, res, scope)
	n.read(r, s)
	r.end()
	return r.trace.account(dst)
}

// Explain gives the sources of Account alone.
func (n *Normalizer) Explain(dst *genai.Span, res *wire.Resource, scope *wire.Scope, s *wire.Span) []Source {
	return n.Account(dst, res, scope, s).Sources
}

// AccountLog is Log with an account of what the fields of the fragment were read from. What becomes of them
// in the span is told by Merge.
func (n *Normalizer) AccountLog(dst *genai.Span, res *wire.Resource, scope *wire.Scope, l *wire.LogRecord) (Account, bool) {
	r := &reading{limits: n.limits, trace: newTracer()}
	r.begin(dst, res, scope)
	ok := r.readLog(l)
	r.end()
	return r.trace.account(dst), ok
}

// tracer notes where fields came from.
type tracer struct {
	steps    []step
	places   map[[2]int]bool // of which something is noted: set and seq
	speakers []Spoken
	event    string // whose attributes are read
	set      int    // the number of the set of attributes that is read
}

func newTracer() *tracer { return &tracer{places: map[[2]int]bool{}} }

// step is a source with its place. One that changed nothing has what it says instead of an outcome: whether that is so
// shows in the end only, when the span is settled.
type step struct {
	Source
	set, seq int
	said     *saying
}

// saying is what an attribute says that changed nothing.
type saying struct {
	fields map[string]claim
	total  genai.Tokens // of all tokens, which is no field
	taken  bool         // it is no attribute any more
	doubt  bool         // a warning is all that came of it
}

// claim is what an attribute says of one field.
type claim struct {
	v    reflect.Value // not valid when the field was moved
	same bool          // as the field when the attribute was read: settling may have changed it since
}

// account gives the sources in the order sent, with their outcomes.
func (t *tracer) account(dst *genai.Span) Account {
	slices.SortStableFunc(t.steps, func(a, b step) int { return cmp.Or(a.set-b.set, a.seq-b.seq) })
	out := Account{Dialects: t.speakers, Sources: make([]Source, 0, len(t.steps))}
	has := map[string]reflect.Value{}
	eachField(dst, func(name string, v reflect.Value) {
		if !isEmpty(v) {
			has[name] = v
		}
	})
	for rest := t.steps; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[0].seq > 0 && rest[n].set == rest[0].set && rest[n].seq == rest[0].seq {
			n++
		}
		out.Sources = append(out.Sources, outcomes(rest[:n], dst, has)...)
		rest = rest[n:]
	}
	return out
}

// outcomes gives the lines of one attribute, from all that was noted of it.
func outcomes(steps []step, dst *genai.Span, has map[string]reflect.Value) (lines []Source) {
	var told []string
	for i := range steps {
		if steps[i].said == nil {
			told = append(told, steps[i].Fields...)
		}
	}
	for i := range steps {
		s := &steps[i]
		if s.said == nil {
			if s.Outcome == Repeated { // what was moved, perhaps to where nothing is
				s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f string) bool { return !has[f].IsValid() })
			}
			lines = append(lines, s.Source)
			continue
		}
		same, other := s.said.judge(s.Fields, dst, has)
		known := func(f string) bool { return s.Rule == "" && slices.Contains(told, f) } // a rule has a line for each of its fields
		same, other = slices.DeleteFunc(same, known), slices.DeleteFunc(other, known)
		told = append(append(told, same...), other...)
		if len(same) > 0 || s.said.taken && len(other) == 0 {
			line := s.Source
			line.Outcome, line.Fields = Repeated, same
			lines = append(lines, line)
		}
		if len(other) > 0 {
			line := s.Source
			line.Outcome, line.Fields = Conflict, other
			lines = append(lines, line)
		}
	}
	if s := steps[0].Source; len(lines) == 0 && s.Key != "" {
		s.Dialect, s.Rule, s.Outcome, s.Fields = "", "", Ignored, nil
		if i := slices.IndexFunc(steps, func(s step) bool { return s.said.doubt }); i >= 0 {
			s.Dialect = steps[i].Dialect
		}
		lines = append(lines, s)
	}
	return lines
}

// judge parts the fields that the span has into those of which the same is said and those of which something else is. What
// was taken says the same, unless it is a count.
func (a *saying) judge(fields []string, dst *genai.Span, has map[string]reflect.Value) (same, other []string) {
	for _, f := range fields {
		held, ok := has[f]
		c := a.fields[f]
		switch {
		case !ok:
		case c.same, c.v.IsValid() && equal(c.v, held), a.taken && !strings.HasPrefix(f, "Usage."):
			same = append(same, f)
		case c.v.IsValid():
			other = append(other, f)
		}
	}
	if a.total.Known && !addsUp(&dst.Usage, a.total.N) {
		other = append(other, "Usage.Input", "Usage.Output")
	}
	return same, other
}

// equal says whether what is said of a field is what it holds. An evaluation is one of several; of messages that say the same,
// one may have been sent flattened, and one may not tell why it ended. It costs no more than what is said is long.
func equal(said, held reflect.Value) bool {
	switch is := said.Interface().(type) {
	case []genai.Evaluation:
		all, _ := reflect.TypeAssert[[]genai.Evaluation](held)
		return !slices.ContainsFunc(is, func(e genai.Evaluation) bool {
			return !slices.ContainsFunc(all, func(o genai.Evaluation) bool { return reflect.DeepEqual(e, o) })
		})
	case []genai.Message:
		other, _ := reflect.TypeAssert[[]genai.Message](held)
		return slices.EqualFunc(is, other, func(a, b genai.Message) bool {
			a.Encoded, b.Encoded = "", ""
			if a.FinishReason == "" || b.FinishReason == "" {
				a.FinishReason, b.FinishReason = "", ""
			}
			return reflect.DeepEqual(a, b)
		})
	}
	return reflect.DeepEqual(said.Interface(), held.Interface())
}

// isEmpty says whether a field holds nothing.
func isEmpty(v reflect.Value) bool { return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 }

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
	r.traceSettle()
	r.traceError()
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

// traceError notes what follows from the span's status.
func (r *reading) traceError() { r.traceStep(Source{Outcome: Derived}, r.settleError) }

// Fragment is a log record that was read as a part of a span, with its account.
type Fragment struct {
	Number int // of the record, from 1 on, by which its sources are told apart
	Span   genai.Span
	Account
}

// Merge is genai.Span.Merge with an account: the sources of the records follow those of the span, with what became
// of them in it. A field that a record filled and the span had already is repeated or in conflict; one that is not
// merged is left out.
func (a *Account) Merge(s *genai.Span, fragments []Fragment) {
	if len(fragments) == 0 {
		return
	}
	slices.SortStableFunc(fragments, func(x, y Fragment) int { return x.Span.Start.Compare(y.Span.Start) })
	m := merger{own: valuesOf(s), filled: map[string]bool{}}
	spans := make([]genai.Span, len(fragments))
	for i := range fragments {
		spans[i] = fragments[i].Span
	}
	s.Merge(spans)
	m.merged = valuesOf(s)
	for i := range fragments {
		f := &fragments[i]
		for _, d := range f.Dialects {
			if !slices.ContainsFunc(a.Dialects, func(o Spoken) bool { return o.Name == d.Name }) {
				a.Dialects = append(a.Dialects, d)
			}
		}
		held := valuesOf(&f.Span)
		for _, src := range f.Sources {
			switch src.Record = f.Number; src.Outcome {
			case Filled, Derived:
				if !m.judge(&src, &f.Span, held) {
					continue
				}
			case Repeated, Conflict:
				src.Fields = slices.DeleteFunc(slices.Clone(src.Fields), func(name string) bool { return m.merged[name] == "" })
				if len(src.Fields) == 0 && src.Outcome == Conflict {
					src.Dialect, src.Rule, src.Outcome = "", "", Ignored
				}
			}
			a.Sources = append(a.Sources, src)
		}
	}
	var rest []string // follows from the merged messages
	for name, v := range m.merged {
		if v != m.own[name] && !m.filled[name] {
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		slices.Sort(rest)
		a.Sources = append(a.Sources, Source{Outcome: Derived, Fields: rest})
	}
}

// merger holds the values of a span before and after its fragments were merged into it.
type merger struct {
	own, merged map[string]string
	filled      map[string]bool // by a fragment
}

// judge gives a source of a fragment the outcome that it has in the span, and those of its fields that have it. false:
// nothing is to be said of it.
func (m *merger) judge(src *Source, f *genai.Span, held map[string]string) bool {
	by := map[Outcome][]string{}
	for _, name := range src.Fields {
		if o := m.outcome(name, f, held[name]); o != "" {
			by[o] = append(by[o], name)
		}
	}
	derived := src.Outcome == Derived
	for _, o := range []Outcome{Filled, Conflict, Repeated} {
		if len(by[o]) == 0 {
			continue
		}
		if src.Fields = by[o]; !derived {
			src.Outcome = o
		}
		return !derived || o == Filled
	}
	src.Outcome, src.Fields = Ignored, nil
	return !derived
}

// outcome is what became of a field of a fragment, "" when the span has none.
func (m *merger) outcome(name string, f *genai.Span, held string) Outcome {
	own, merged := m.own[name], m.merged[name]
	reached := held == merged
	switch {
	case merged == "":
		return ""
	case name == "Evaluations", f.Partial && (name == "Input" || name == "Output"):
		reached = within(held, merged)
		if reached && !within(held, own) {
			m.filled[name] = true
			return Filled
		}
	}
	switch {
	case !reached:
		return Conflict
	case own == merged || m.filled[name]:
		return Repeated
	}
	m.filled[name] = true
	return Filled
}

// within says whether each element of a list, both as valuesOf gives them, is one of another.
func within(list, of string) bool {
	var a, b []json.RawMessage
	if json.Unmarshal([]byte(list), &a) != nil {
		return false
	}
	_ = json.Unmarshal([]byte(of), &b) // of nothing is no list
	all := make(map[string]bool, len(b))
	for _, e := range b {
		all[string(e)] = true
	}
	return !slices.ContainsFunc(a, func(e json.RawMessage) bool { return !all[string(e)] })
}

// valuesOf gives the fields that are not empty, with what they hold as text.
func valuesOf(s *genai.Span) map[string]string {
	out := map[string]string{}
	eachField(s, func(name string, v reflect.Value) {
		if isEmpty(v) {
			return
		}
		b, err := json.Marshal(v.Interface())
		if err != nil { // NaN
			b = fmt.Append(nil, v.Interface())
		}
		out[name] = string(b)
	})
	return out
}

// Differences names the fields that two readings of a span have otherwise.
func Differences(a, b *genai.Span) (names []string) {
	va, vb := valuesOf(a), valuesOf(b)
	eachField(a, func(name string, _ reflect.Value) {
		if va[name] != vb[name] {
			names = append(names, name)
		}
	})
	return names
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

// sumSeed is that of all sums, so that they can be compared.
var sumSeed = maphash.MakeSeed()

// sumsOf gives a sum for each of spanFields, another one when a step fills or extends the field. It costs the same
// whatever the fields hold, so that a span of many steps and long contents is explained in a time that is bounded by
// both and not by their product.
func sumsOf(s *genai.Span) []uint64 {
	out := make([]uint64, 0, len(spanFields))
	var h maphash.Hash
	h.SetSeed(sumSeed)
	eachField(s, func(_ string, v reflect.Value) {
		h.Reset()
		addSum(&h, v)
		out = append(out, h.Sum64())
	})
	return out
}

const (
	sumText     = 256 // a longer text is told apart by where it lies
	sumElements = 8   // of a list, at its beginning and at its end: steps append, or go on with the last one
)

func addSum(h *maphash.Hash, v reflect.Value) {
	number := func(n uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], n)
		_, _ = h.Write(b[:])
	}
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		number(uint64(len(s)))
		if len(s) <= sumText {
			_, _ = h.WriteString(s)
		} else {
			number(uint64(uintptr(unsafe.Pointer(unsafe.StringData(s)))))
		}
	case reflect.Bool:
		if v.Bool() {
			number(1)
		} else {
			number(0)
		}
	case reflect.Float32, reflect.Float64:
		number(math.Float64bits(v.Float()))
	case reflect.Pointer:
		if !v.IsNil() {
			number(1)
			addSum(h, v.Elem())
		}
	case reflect.Slice:
		n := v.Len()
		number(uint64(n)) //nolint:gosec // a length
		for i := range n {
			if i < sumElements || i >= n-sumElements {
				addSum(h, v.Index(i))
			}
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			number(uint64(t.UnixNano()))
			return
		}
		for _, f := range v.Fields() {
			addSum(h, f)
		}
	default:
		if v.CanInt() {
			number(uint64(v.Int())) //nolint:gosec // any number will do
		} else {
			number(v.Uint())
		}
	}
}

// spanField is a field of genai.Span that attributes can fill.
type spanField struct {
	name  string
	index []int // see reflect.Value.FieldByIndex
}

// spanFields are all of them, those of structs within the span one by one.
var spanFields = fieldsIn(reflect.TypeFor[genai.Span](), "", nil)

// eachField calls f with the fields of a span that attributes can fill.
func eachField(s *genai.Span, f func(name string, v reflect.Value)) {
	v := reflect.ValueOf(s).Elem()
	for i := range spanFields {
		f(spanFields[i].name, v.FieldByIndex(spanFields[i].index))
	}
}

func fieldsIn(t reflect.Type, prefix string, at []int) (out []spanField) {
	for i := range t.NumField() {
		name, index := prefix+t.Field(i).Name, append(slices.Clone(at), i)
		switch reflect.Zero(t.Field(i).Type).Interface().(type) {
		case genai.Service, genai.Scope, []genai.Attribute, []genai.Event, []genai.Link, genai.Dropped, []byte, []genai.Warning, []genai.ReportedCount,
			genai.TraceID, genai.SpanID, time.Time:
		case genai.Request, genai.Retrieval, genai.ToolExecution, genai.Embedding, genai.Usage, genai.Agent, genai.Prompt, genai.Error:
			out = append(out, fieldsIn(t.Field(i).Type, name+".", index)...)
		default:
			if name != "Project" && name != "Partial" { // of who sent it, and of how it is merged
				out = append(out, spanField{name, index})
			}
		}
	}
	return out
}
