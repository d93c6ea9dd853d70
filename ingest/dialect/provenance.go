package dialect

// How a span was read: which attribute filled which field, and which say something else. The reading notes its steps
// (provenance_trace.go); here they get their outcomes.

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

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

// AccountLog is Log with an account of what the fields of the fragment were read from. What becomes of them
// in the span is told by Merge.
func (n *Normalizer) AccountLog(dst *genai.Span, res *wire.Resource, scope *wire.Scope, l *wire.LogRecord) (Account, bool) {
	r := &reading{limits: n.limits, trace: newTracer()}
	r.begin(dst, res, scope)
	ok := r.readLog(l)
	r.end()
	return r.trace.account(dst), ok
}

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
