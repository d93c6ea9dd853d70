package dialect

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Rules are a user's own readings of attributes that no dialect knows. They are read before every
// dialect, so that what a rule fills stays; they can fill what an attribute can, never an id or a time.
// ParseRules makes them. They are safe for concurrent use.
type Rules struct {
	rules []rule
	slots map[string]int // where the value of an attribute is while a span is read, by its key
}

// rulesName is the dialect of spans that rules alone read.
const rulesName = "rules"

// rule is one rule. Everything that it needs was worked out when it was parsed.
type rule struct {
	name        string
	scope, span pattern
	conditions  []condition
	sets        []setting // in the order of ruleFields, for the operation decides on what follows
}

// condition is an attribute that a span must have for a rule to hold.
type condition struct {
	key   string
	slot  int
	value pattern
}

// setting fills one field.
type setting struct {
	field    *ruleField
	from     []int      // slots, of which the first that the span has is taken; none: constant
	constant wire.Value // a value that is the same on every span
	path     []string   // into JSON, before anything else
	scale    float64    // 0: not scaled
}

// whole reports whether an attribute ends in the field with all that it says.
func (s *setting) whole() bool {
	return len(s.path) == 0 && s.scale == 0
}

// pattern is a glob in which * stands for any run of characters. The zero pattern matches everything.
type pattern []string // what stands between the stars

func newPattern(glob string) pattern {
	if glob == "*" {
		return nil
	}
	return strings.Split(glob, "*")
}

func (p pattern) String() string {
	if len(p) == 0 {
		return "*"
	}
	return strings.Join(p, "*")
}

func (p pattern) match(s string) bool {
	switch len(p) {
	case 0:
		return true
	case 1:
		return s == p[0]
	}
	last := p[len(p)-1]
	rest, ok := strings.CutPrefix(s, p[0])
	if !ok || len(rest) < len(last) || !strings.HasSuffix(rest, last) {
		return false
	}
	rest = rest[:len(rest)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// ruling is the part of a reading that rules need. Spans without rules leave it empty.
type ruling struct {
	held  []ruled  // by slot
	taken [][]byte // keys of attributes that ended in a field with all they say
	text  []byte   // memory for values that are no strings
	first *rule    // the first rule that filled something
	hits  []int    // the rules that held, by their place
	fell  bool     // a rule panicked
}

// ruled is an attribute that a rule may read.
type ruled struct {
	key []byte
	v   wire.Value
	seq int // which attribute of the span it is; 0: the span has none
}

// apply reads a span by the rules that hold.
func (rs *Rules) apply(r *reading) {
	u := &r.ruling
	u.taken, u.hits, u.first, u.fell = u.taken[:0], u.hits[:0], nil, false
	loaded := false
	for i := range rs.rules {
		one := &rs.rules[i]
		if !one.scope.match(r.dst.Scope.Name) || !one.span.match(r.dst.Name) {
			continue
		}
		if !loaded {
			rs.load(r)
			loaded = true
		}
		if u.holds(r, one) {
			u.hits = append(u.hits, i)
			r.applyRule(one)
		}
	}
	clear(u.held)
}

// load holds the attributes that rules name. Of a key that comes twice the first counts, as for dialects.
func (rs *Rules) load(r *reading) {
	u := &r.ruling
	u.held = slices.Grow(u.held[:0], len(rs.slots))[:len(rs.slots)]
	clear(u.held)
	n := 0
	for it := r.span.Attributes(); it.Next(); {
		if n++; n > r.limits.Attributes {
			return
		}
		name := it.Key()
		if slot, ok := rs.slots[string(name)]; ok && u.held[slot].seq == 0 {
			u.held[slot] = ruled{key: name, v: it.Value(), seq: n}
		}
	}
}

func (u *ruling) holds(r *reading, one *rule) bool {
	for i := range one.conditions {
		c := &one.conditions[i]
		h := &u.held[c.slot]
		if h.seq == 0 || len(c.value) > 0 && !c.value.match(u.show(r, h.v)) {
			return false
		}
	}
	return true
}

// show is a value as text, good until the next call.
func (u *ruling) show(r *reading, v wire.Value) string {
	if v.Kind() == wire.KindString {
		return view(v.Str())
	}
	u.text, _ = v.AppendText(u.text[:0], r.limits.Depth)
	return view(u.text)
}

// view shares the memory of b, whatever its encoding is: to compare, not to keep.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// applyRule fills what a rule that holds says. Whatever goes wrong costs the rule, never the span.
func (r *reading) applyRule(one *rule) {
	defer func() {
		if recover() != nil {
			r.ruling.fell = true
			r.warn(genai.WarnRuleFailed, one.name, "reading the span by this rule failed; what it had filled stays")
		}
	}()
	for i := range one.sets {
		r.applySetting(one, &one.sets[i])
	}
}

func (r *reading) applySetting(one *rule, s *setting) {
	var h ruled
	v := s.constant
	if len(s.from) > 0 {
		at := slices.IndexFunc(s.from, func(slot int) bool { return r.ruling.held[slot].seq > 0 })
		if at < 0 {
			return
		}
		h = r.ruling.held[s.from[at]]
		var ok bool
		if v, ok = s.value(r, h.v); !ok {
			return
		}
	}
	fill := r.fillField
	if r.trace != nil {
		fill = func(s *setting, _ []byte, v wire.Value) bool { return r.traceRule(one, s, h, v) }
	}
	if !fill(s, h.key, v) {
		return
	}
	if r.ruling.first == nil {
		r.ruling.first = one
	}
	if len(h.key) > 0 && s.whole() && lookup(h.key) == noKey {
		r.ruling.taken = append(r.ruling.taken, h.key)
	}
}

// take1 fills a field. Warnings and counts name the attribute that was read.
func (r *reading) fillField(s *setting, source []byte, v wire.Value) bool {
	warned, reported := len(r.dst.Warnings), len(r.dst.Usage.Reported)
	ok := s.field.take(r, s.field.key, v)
	if len(source) > 0 {
		for i := warned; i < len(r.dst.Warnings); i++ {
			r.dst.Warnings[i].Field = text(source)
		}
		for i := reported; i < len(r.dst.Usage.Reported); i++ {
			r.dst.Usage.Reported[i].Key = text(source)
		}
	}
	return ok
}

// value is what of an attribute's value goes into the field; false: nothing does.
func (s *setting) value(r *reading, v wire.Value) (wire.Value, bool) {
	if s.whole() {
		return v, true
	}
	if len(s.path) > 0 {
		j := genai.JSON(r.ruling.show(r, v)).Unwrap()
		if v.Kind() != wire.KindString {
			j = genai.JSON(strings.Clone(string(j))) // show's memory is used again
		}
		if j = at(j, s.path); j == "" || j == "null" {
			return v, false
		}
		v = wire.StringValue(bytesOf(j.Text()))
	}
	if s.scale != 0 {
		f, ok := numberOf(v)
		return wire.DoubleValue(f * s.scale), ok
	}
	return v, true
}

// at is the JSON under a path of member names and indices, "" when there is none.
func at(j genai.JSON, path []string) genai.JSON {
	for _, step := range path {
		j = j.Unwrap()
		if j == "" {
			return ""
		}
		if j[0] != '[' {
			j = j.At(step)
			continue
		}
		want, n := leadingIndex(append([]byte(step), '.'))
		if n == 0 {
			return ""
		}
		var found genai.JSON
		i := int64(0)
		j.Elements(func(e genai.JSON) {
			if i == want {
				found = e
			}
			i++
		})
		j = found
	}
	return j
}

// settleRules names a span that rules alone read, and forgets the attributes that ended in fields.
func (r *reading) settleRules() {
	u := &r.ruling
	if u.first != nil && len(r.speakers) == 0 {
		r.dst.Dialect, r.dst.DialectVersion = rulesName, u.first.name
	}
	for _, key := range u.taken {
		i := slices.IndexFunc(r.dst.Attributes, func(a genai.Attribute) bool { return a.Key == view(key) })
		if i >= 0 {
			r.dst.Attributes = slices.Delete(r.dst.Attributes, i, i+1)
		}
	}
	clear(u.taken)
}

// traceRule fills a field and notes what that did.
func (r *reading) traceRule(one *rule, s *setting, h ruled, v wire.Value) bool {
	var ok bool
	note := Source{Key: string(h.key), Dialect: rulesName, Rule: one.name}
	note.Fields = r.changes(func() { ok = r.fillField(s, h.key, v) })
	switch {
	case len(note.Fields) > 0 && h.seq == 0:
		note.Outcome = Derived
	case len(note.Fields) > 0:
		note.Outcome = Filled
	default:
		note.Fields = r.would(func(p *reading) { s.field.take(p, s.field.key, v) })
		if note.Outcome = Conflict; ok {
			note.Outcome = Repeated
		}
	}
	if note.Outcome == Filled || note.Outcome == Repeated {
		r.trace.forget(h.seq)
	}
	r.trace.note(h.seq, note)
	return ok
}

// forget takes back that nobody read an attribute.
func (t *tracer) forget(seq int) {
	t.steps = slices.DeleteFunc(t.steps, func(s step) bool { return s.set == t.set && s.seq == seq && s.Outcome == Ignored })
}

// countRules makes the counters of the rules.
func (n *Normalizer) countRules(rs *Rules) *prometheus.CounterVec {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_rule_spans_total",
		Help: "Spans that matched a rule of the settings, by the rule's name.",
	}, []string{"rule"})
	n.ruleFell = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_rule_failures_total",
		Help: "Spans that a rule of the settings failed on; they were kept.",
	})
	if rs != nil {
		for i := range rs.rules {
			n.ruled = append(n.ruled, vec.WithLabelValues(rs.rules[i].name))
		}
	}
	return vec
}

func (n *Normalizer) countRuling(u *ruling) {
	for _, i := range u.hits {
		n.ruled[i].Inc()
	}
	if u.fell {
		n.ruleFell.Inc()
	}
}
