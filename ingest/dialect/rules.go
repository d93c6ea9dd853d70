package dialect

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	rules  []rule
	slots  map[string]int // where the value of an attribute is while a span is read, by its key
	filter keyFilter      // of the keys in slots
}

// Digest is the same for rules that read alike, and no others. That of no rules is "".
func (rs *Rules) Digest() string {
	if rs == nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintln(h, rs.slots)
	for i := range rs.rules {
		one := &rs.rules[i]
		fmt.Fprintf(h, "%q %q %q\n", one.name, one.scope, one.span)
		for _, c := range one.conditions {
			fmt.Fprintf(h, "%q=%q\n", c.key, c.value)
		}
		for j := range one.sets {
			s := &one.sets[j]
			fmt.Fprintf(h, "%s %d %q %q %g\n", s.field.name, s.from, s.constant.Str(), s.path, s.scale)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// rulesName is the dialect of spans that rules alone read.
const rulesName = "rules"

// rule is one rule. Everything that it needs was worked out when it was parsed.
type rule struct {
	name        string
	place       int // among all rules
	scope, span pattern
	conditions  []condition
	sets        []setting
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
	misfit   string     // the warning of a value that cannot be read
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

// keyFilter tells most keys that no rule names by their length and last byte: sixty-four bits for each of 64 lengths. A key
// that it lets through is looked up.
type keyFilter [64]uint64

func (f *keyFilter) add(key string) { f[len(key)%64] |= 1 << (key[len(key)-1] % 64) }

func (f *keyFilter) passes(key []byte) bool {
	n := len(key)
	return n > 0 && f[n%64]>>(key[n-1]%64)&1 != 0
}

// ruling is the part of a reading that rules need. Spans without rules leave it empty.
type ruling struct {
	seeking *Rules   // while the span's attributes are read, if a rule may want one
	held    []ruled  // by slot
	any     bool     // of held there are some
	taken   [][]byte // keys of attributes that ended in a field with all they say
	text    []byte   // memory for values that are no strings
	filled  []key    // the conventions' keys of the fields that have a value of a rule
	first   *rule    // the first rule that filled something
	matched []int    // the rules that held, by their place
	failed  []int    // a rule's place for each value that it could not read
}

// ruled is an attribute that a rule may read.
type ruled struct {
	key []byte
	v   wire.Value
	seq int        // which attribute of the span it is; 0: the span has none
	doc genai.JSON // v as JSON, once a rule has asked for a part of it
}

// seek finds the rules whose scope and name are those of the span. When there are any, load holds the attributes that
// rules name while it reads all: a span that has none of them pays a look at their lengths.
func (rs *Rules) seek(r *reading) {
	u := &r.ruling
	u.taken, u.filled, u.matched, u.failed, u.first = u.taken[:0], u.filled[:0], u.matched[:0], u.failed[:0], nil
	for i := range rs.rules {
		if one := &rs.rules[i]; one.scope.match(r.dst.Scope.Name) && one.span.match(r.dst.Name) {
			u.matched = append(u.matched, i)
		}
	}
	if len(u.matched) > 0 {
		u.seeking = rs
		if len(u.held) == 0 {
			u.held = make([]ruled, len(rs.slots))
		}
	}
}

// hold holds an attribute if a rule names it. Of a key that comes twice the first counts, as for dialects.
func (rs *Rules) hold(u *ruling, name []byte, v wire.Value, seq int) {
	if slot, ok := rs.slots[string(name)]; ok && u.held[slot].seq == 0 {
		u.held[slot] = ruled{key: name, v: v, seq: seq}
		u.any = true
	}
}

// apply reads a span by the rules whose attributes it has, too.
func (rs *Rules) apply(r *reading) {
	u := &r.ruling
	candidates := u.matched
	u.seeking, u.matched = nil, u.matched[:0]
	for _, i := range candidates {
		one := &rs.rules[i]
		if len(one.conditions) > 0 && (!u.any || !u.holds(one)) {
			continue
		}
		u.matched = append(u.matched, i)
		for j := range one.sets {
			r.applySetting(one, &one.sets[j])
		}
	}
	if u.any {
		clear(u.held)
		u.any = false
	}
}

func (u *ruling) holds(one *rule) bool {
	for i := range one.conditions {
		c := &one.conditions[i]
		h := &u.held[c.slot]
		if h.seq == 0 || len(c.value) > 0 && !c.value.match(u.show(h.v)) {
			return false
		}
	}
	return true
}

// show is a string, number or boolean as text, good until the next call; "" for anything else, which no pattern is for.
func (u *ruling) show(v wire.Value) string {
	switch v.Kind() {
	case wire.KindString:
		return view(v.Str())
	case wire.KindBool, wire.KindInt, wire.KindDouble:
		u.text, _ = v.AppendText(u.text[:0], 0)
		return view(u.text)
	}
	return ""
}

// view shares the memory of b, whatever its encoding is: to compare, not to keep.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// applySetting fills a field. A value that does not fit leaves the field and a warning.
func (r *reading) applySetting(one *rule, s *setting) {
	u := &r.ruling
	h := new(ruled)
	v, fits := s.constant, true
	if len(s.from) > 0 {
		at := slices.IndexFunc(s.from, func(slot int) bool { return u.held[slot].seq > 0 })
		if at < 0 {
			return
		}
		h = &u.held[s.from[at]]
		if v, fits = s.value(r, h); fits && nothing(v) {
			return
		}
	}
	empty, warned := !slices.Contains(u.filled, s.field.key), len(r.dst.Warnings)
	switch {
	case fits && r.trace != nil:
		fits = r.traceRule(one, s, h, v, empty)
	case fits:
		fits = r.fillField(s, h.key, v)
	}
	switch {
	case fits:
		u.filled = append(u.filled, s.field.key)
		if u.first == nil {
			u.first = one
		}
		if h.seq > 0 && s.whole() && lookup(h.key) == noKey {
			u.take(h.key)
		}
	case empty: // no earlier rule's value stood in the way
		u.failed = append(u.failed, one.place)
		r.dst.Warnings = r.dst.Warnings[:warned] // the field's own doubt knows neither the rule nor the field
		r.warn(genai.WarnRuleFailed, text(h.key), s.misfit)
	}
}

// nothing says whether a value says nothing.
func nothing(v wire.Value) bool {
	return v.Kind() == wire.KindEmpty || v.Kind() == wire.KindString && len(v.Str()) == 0
}

// take notes that an attribute ended in a field, once.
func (u *ruling) take(key []byte) {
	if !slices.ContainsFunc(u.taken, func(k []byte) bool { return string(k) == string(key) }) {
		u.taken = append(u.taken, key)
	}
}

// fillField offers a value to a field. Warnings name the attribute that was read, and counts the place in it, too: many are
// read out of one.
func (r *reading) fillField(s *setting, source []byte, v wire.Value) bool {
	warned, reported := len(r.dst.Warnings), len(r.dst.Usage.Reported)
	ok := s.field.take(r, s.field.key, v)
	if len(source) > 0 {
		for i := warned; i < len(r.dst.Warnings); i++ {
			r.dst.Warnings[i].Field = text(source)
		}
		for i := reported; i < len(r.dst.Usage.Reported); i++ {
			r.dst.Usage.Reported[i].Key = strings.Join(append([]string{text(source)}, s.path...), ".")
		}
	}
	return ok
}

// value is what of an attribute's value goes into the field, nothing when it is not there. false: it cannot be read.
func (s *setting) value(r *reading, h *ruled) (v wire.Value, fits bool) {
	v = h.v
	if nothing(v) {
		return v, true
	}
	if len(s.path) > 0 {
		if h.doc == "" {
			doc, _ := r.jsonOf(text(h.key), v)
			h.doc = genai.JSON(doc).Unwrap()
		}
		found, ok := at(h.doc, s.path)
		if !ok || found == "" {
			return wire.Value{}, ok
		}
		v = wire.StringValue(bytesOf(found.Text()))
	}
	if s.scale != 0 && !nothing(v) {
		f, ok := numberOf(v)
		return wire.DoubleValue(f * s.scale), ok
	}
	if s.field.kind == kindText { // a rule says that it is text
		switch v.Kind() {
		case wire.KindBool, wire.KindInt, wire.KindDouble:
			b, _ := v.AppendText(nil, 0)
			v = wire.StringValue(b)
		}
	}
	return v, true
}

// at is the JSON under a path of member names and indices, "" when there is none or null. false: what is there is no JSON,
// or something that has no members.
func at(j genai.JSON, path []string) (genai.JSON, bool) {
	for _, step := range path {
		var found genai.JSON
		var whole bool
		switch j = j.Unwrap(); j.Begins() {
		case '{':
			whole = j.Members(func(name string, v genai.JSON) {
				if found == "" && name == step {
					found = v
				}
			})
		case '[':
			want, n := leadingIndex([]byte(step + "."))
			i := int64(0)
			whole = j.Elements(func(e genai.JSON) {
				if n > 0 && i == want {
					found = e
				}
				i++
			})
		}
		if found == "" || found == "null" {
			return "", whole || found != ""
		}
		j = found
	}
	return j, true
}

// forgetRuled takes the attributes that ended in fields from the others.
func (r *reading) forgetRuled() {
	u := &r.ruling
	for _, key := range u.taken {
		i := slices.IndexFunc(r.dst.Attributes, func(a genai.Attribute) bool { return a.Key == view(key) })
		if i >= 0 {
			r.dst.Attributes = slices.Delete(r.dst.Attributes, i, i+1)
		}
	}
	clear(u.taken)
}

// traceRule fills a field and notes what that did. empty: no rule had filled it.
func (r *reading) traceRule(one *rule, s *setting, h *ruled, v wire.Value, empty bool) bool {
	var ok bool
	note := Source{Key: string(h.key), Dialect: rulesName, Rule: one.name}
	note.Fields = r.changes(func() { ok = r.fillField(s, h.key, v) })
	switch {
	case len(note.Fields) > 0 && h.seq == 0:
		note.Outcome = Derived
	case len(note.Fields) > 0:
		note.Outcome = Filled
	case !ok && empty:
		return false // it stays as if no rule had asked for it, with a warning
	}
	var said *saying
	if note.Outcome == "" {
		said = r.would(func(p *reading) { s.field.take(p, s.field.key, v) })
	}
	if h.seq > 0 {
		r.trace.forget(h.seq)
		v = h.v
	}
	if said != nil {
		r.trace.noteSaid(h.seq, note, v, said, ok)
	} else {
		r.trace.note(h.seq, note, v)
	}
	if said := (Spoken{Name: rulesName, Version: one.name}); !slices.Contains(r.trace.speakers, said) {
		r.trace.speakers = append(r.trace.speakers, said)
	}
	return ok
}

// forget takes back that nobody read an attribute.
func (t *tracer) forget(seq int) {
	t.steps = slices.DeleteFunc(t.steps, func(s step) bool { return s.set == t.set && s.seq == seq && s.Outcome == Ignored })
}

// countRules makes the counters of the rules.
func (n *Normalizer) countRules() (spans, failures *prometheus.CounterVec) {
	spans = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_rule_spans_total",
		Help: "Spans that matched a rule of the settings, by the rule's name.",
	}, []string{"rule"})
	failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tiltmeter_dialect_rule_failures_total",
		Help: "Values that a rule of the settings found and could not read into its field, by the rule's name.",
	}, []string{"rule"})
	if n.rules != nil {
		for i := range n.rules.rules {
			name := n.rules.rules[i].name
			n.ruleSpans = append(n.ruleSpans, spans.WithLabelValues(name))
			n.ruleFailures = append(n.ruleFailures, failures.WithLabelValues(name))
		}
	}
	return spans, failures
}

func (n *Normalizer) countRuling(u *ruling) {
	for _, i := range u.matched {
		n.ruleSpans[i].Inc()
	}
	for _, i := range u.failed {
		n.ruleFailures[i].Inc()
	}
}
