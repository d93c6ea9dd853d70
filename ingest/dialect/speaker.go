package dialect

import (
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// A speaker is one dialect. It is declared in a file of its own, which holds everything that is
// known of it: the evidence by which a span shows it, the attributes that it reads and what becomes
// of each.
//
// Several may speak on one span: they are asked in the order of the dialects slice, and each fills
// only what is still empty, so that the earlier one wins field by field.
type speaker struct {
	name string // stored with the span and counted

	// Evidence beside that of keys: the beginning of the scope's name, and of the span's.
	scopes, spans []string

	// leads are keys that are evidence and that are read before all others: what these mean depends on
	// them.
	leads []binding
	// own are the keys that are evidence of the dialect, also those that it reads once it is known to
	// speak. Of several keys for one field the one that stands first wins. A key that another dialect
	// declares too stands where that dialect has it, before those that nobody shares, and is evidence
	// of both when it is own to both.
	own, also []binding
	// lists are the flattened lists that the dialect reads; they are read before the keys.
	lists []list

	// version tells which version of the dialect the span shows; nil or "": that cannot be told.
	version func(r *reading) string
	// begin is called before the keys are read, with what follows from the span's name alone. It must only
	// fill what is empty, for it is called again with the attributes of an event. nil: nothing.
	begin func(dst *genai.Span)
	// event reads an event of the span, and says whether it can be forgotten. nil: none.
	event func(r *reading, e *wire.Event) bool
	// log reads a log record into r.dst, which has its ids, time and name, and says whether it is a part
	// of a span of this dialect; if not, it leaves r.dst as it was. The dialects are asked in their order,
	// and the first that knows the record reads it alone. nil: none.
	log func(r *reading, l *wire.LogRecord) bool
	// settle is called once everything was read, with what follows from several fields. nil: nothing.
	settle func(dst *genai.Span, r *reading)

	bit         uint64
	leadKeys    []key
	set         keySet
	first, last int // the words of set that are not empty
	takers      [maxKeys]taker
}

// A spanName is the beginning of a span's name, or the whole one with a blank behind it, and the operation
// that it tells where no attribute does.
type spanName struct {
	name string
	op   genai.Operation
}

// operationByName is a speaker's begin.
func operationByName(names ...spanName) func(d *genai.Span) {
	return func(d *genai.Span) {
		for i := range names {
			if d.Operation == "" && matches(d.Name, names[i].name) {
				d.Operation = names[i].op
			}
		}
	}
}

// A binding is a key and what takes its value.
type binding struct {
	key   string
	take  taker
	since uint8 // see keyInfo
}

// A list is a family of keys that flatten a list: prefix, the index of an element, a dot, and
// what it is of the element.
type list struct {
	prefix string
	own    bool // a key of it is evidence of the dialect
	// take reads the elements, in the order of their indices. It marks those that can be forgotten.
	take func(r *reading, es []element)

	of *speaker
}

// lists are those of all dialects. listsBy finds them by the first byte of a name, which keeps
// every other name cheap.
var (
	lists   []list
	listsBy [256][]uint8
)

// prefix is the beginning of a name that is evidence of a dialect.
type prefix struct {
	text string
	bit  uint64
}

var scopePrefixes, spanPrefixes []prefix // of scopes, and of spans

// otelEvidence is otelGenAI.bit, for what otelGenAI is made of cannot name it.
var otelEvidence uint64

func init() {
	for i, d := range &dialects {
		d.bit = 1 << i
	}
	otelEvidence = otelGenAI.bit
	// OpenTelemetry's keys come first, for the bits of the keys that most spans have to lie together.
	for i := len(dialects) - 1; i >= 0; i-- {
		dialects[i].register()
	}
	general.register()
	initRuleFields()
}

// register numbers the keys of a dialect.
func (d *speaker) register() {
	d.first = len(d.set)
	bind := func(b binding, evidence uint64) key {
		k := lookup(bytesOf(b.key))
		if k == noKey {
			if numKeys == maxKeys {
				panic("dialect: more keys than maxKeys")
			}
			k = numKeys
			numKeys++
			keys[k] = keyInfo{name: b.key, since: b.since}
			addSlot(k)
		}
		if d.takers[k] != nil {
			panic("dialect: " + d.name + " declares " + b.key + " twice")
		}
		keys[k].evidence |= evidence
		d.takers[k] = b.take
		return k
	}
	for _, b := range d.leads {
		d.leadKeys = append(d.leadKeys, bind(b, d.bit))
	}
	for _, b := range d.own {
		d.add(bind(b, d.bit))
	}
	for _, b := range d.also {
		d.add(bind(b, 0))
	}
	for _, p := range d.scopes {
		scopePrefixes = append(scopePrefixes, prefix{p, d.bit})
	}
	for _, p := range d.spans {
		spanPrefixes = append(spanPrefixes, prefix{p, d.bit})
	}
	for _, l := range d.lists {
		l.of = d
		c := l.prefix[0]
		listsBy[c] = append(listsBy[c], uint8(len(lists))) //nolint:gosec // some dozens
		lists = append(lists, l)
	}
}

// add makes the dialect read a key in its turn.
func (d *speaker) add(k key) {
	d.set.add(k)
	d.first, d.last = min(d.first, int(k)/64), max(d.last, int(k)/64)
}

// scopeEvidence gives the bits of the dialects that a scope of this name speaks.
func scopeEvidence(name string) uint64 { return evidenceOf(scopePrefixes, name) }

// evidenceOf gives the bits of the dialects with a prefix of the name.
func evidenceOf(prefixes []prefix, name string) (bits uint64) {
	for i := range prefixes {
		if matches(name, prefixes[i].text) {
			bits |= prefixes[i].bit
		}
	}
	return bits
}

// matches says whether name begins with p; a p that ends in a blank must be the whole name.
func matches(name, p string) bool {
	if n := len(p) - 1; p[n] == ' ' {
		return name == p[:n]
	}
	return len(name) >= len(p) && name[:len(p)] == p
}

// findList finds the list that a name belongs to, the index in it, and where the rest of the name
// begins. false: none, or the name has no index.
func findList(name []byte) (l uint8, index int64, rest int, ok bool) {
	if len(name) == 0 {
		return 0, 0, 0, false
	}
	for _, i := range listsBy[name[0]] {
		p := lists[i].prefix
		if len(name) <= len(p) || string(name[:len(p)]) != p {
			continue
		}
		index, n := leadingIndex(name[len(p):])
		if n == 0 {
			continue
		}
		return i, index, len(p) + n, true
	}
	return 0, 0, 0, false
}

// leadingIndex reads the index that b begins with, and the dot behind it; 0 bytes when there is none.
// An index that no integer holds is the largest one.
func leadingIndex(b []byte) (index int64, n int) {
	const largest = 1 << 40
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		index = min(index*10+int64(b[n]-'0'), largest)
		n++
	}
	if n == 0 || n == len(b) || b[n] != '.' {
		return 0, 0
	}
	return index, n + 1
}

// cutPrefix is bytes.CutPrefix for a string.
func cutPrefix(b []byte, p string) ([]byte, bool) {
	if len(b) < len(p) || string(b[:len(p)]) != p {
		return b, false
	}
	return b[len(p):], true
}

// cutIndex cuts an index and a dot.
func cutIndex(b []byte) (index int64, rest []byte, ok bool) {
	index, n := leadingIndex(b)
	return index, b[n:], n > 0
}
