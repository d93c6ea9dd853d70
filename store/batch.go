package store

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

const (
	// maxMapValue and maxMapKeys bound the attributes that can be filtered by: reading one key of
	// a map reads all of it. The others are kept in detail.
	maxMapValue, maxMapKeys = 256, 64 // bytes, keys
	// maxPreview is how much of a text a list shows, in characters.
	maxPreview = 240
)

// Batch collects rows column by column. It is reusable, and for one goroutine at a time.
type Batch struct {
	s         *Store
	spans     spanColumns
	contents  contentColumns
	chunks    chunkColumns
	fragments fragmentColumns
	logs      logColumns
	enc       encoder
	fresh     map[knownKey]struct{} // contents of this batch
	projects  map[string]uint32
	arrival   arrival // of what is added next
	block     block
}

// NewBatch makes an empty batch for this store.
func (s *Store) NewBatch() *Batch {
	b := &Batch{s: s, fresh: map[knownKey]struct{}{}, projects: map[string]uint32{}}
	b.spans.init()
	b.contents.init()
	b.chunks.init()
	b.fragments.init()
	b.logs.init()
	return b
}

// tables are in the order in which they must be stored: what is named before who names it.
func (b *Batch) tables() []*table {
	return []*table{&b.chunks.table, &b.contents.table, &b.fragments.table, &b.logs.table, &b.spans.table}
}

// The tables of a batch whose rows are counted one by one.
const (
	TableFragments = "fragments"
	TableLogs      = "logs"
	TableSpans     = "spans"
)

// Tables names the tables of a batch, in the order in which Insert stores them.
func Tables() []string { return []string{"chunks", "contents", TableFragments, TableLogs, TableSpans} }

// TableRows is the number of rows of one table.
func (b *Batch) TableRows(table string) int {
	for _, t := range b.tables() {
		if t.name == table {
			return t.rows
		}
	}
	return 0
}

// Rows is the number of spans, fragments and logs.
func (b *Batch) Rows() int { return b.spans.rows + b.fragments.rows + b.logs.rows }

// Bytes is about what the batch takes in memory and on the way to the engine.
func (b *Batch) Bytes() (n int) {
	for _, t := range b.tables() {
		n += t.size()
	}
	return n
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	for _, t := range b.tables() {
		t.reset()
	}
	clear(b.fresh)
	b.arrival = arrival{}
}

// unlessDone takes back what a row had put into the columns before a panic: the columns of a
// table stay of one length, and the next row is a good one. Contents that were added stay, they are
// what their hash says.
func (b *Batch) unlessDone(done *bool) {
	if *done {
		return
	}
	for _, t := range b.tables() {
		t.truncate()
	}
}

func (b *Batch) projectNumber(name string) uint32 {
	n, ok := b.projects[name]
	if !ok {
		name = strings.Clone(name)
		n = b.s.known.project(name)
		b.projects[name] = n
	}
	return n
}

const (
	inContents = iota
	inChunks
)

func (b *Batch) hasContent(e *encoder, h content.Hash) bool {
	key := knownKey{h, e.number, e.day, inContents}
	_, ok := b.fresh[key]
	return ok || b.s.known.has(key)
}

// isNew reports whether the content must be sent.
func (b *Batch) isNew(key knownKey) bool {
	_, ok := b.fresh[key]
	return !ok && !b.s.known.has(key)
}

func (b *Batch) addContent(e *encoder, h content.Hash, kind, body string) {
	key := knownKey{h, e.number, e.day, inContents}
	if !b.isNew(key) {
		return
	}
	c := &b.contents
	c.project.str(e.project)
	c.day.u16(e.day)
	c.hash.bytes(h[:])
	c.kind.str(kind)
	c.body.str(body)
	c.rows++
	b.fresh[key] = struct{}{}
}

func (b *Batch) addChunk(e *encoder, h content.Hash, body string, children []content.Hash) {
	key := knownKey{h, e.number, e.day, inChunks}
	if !b.isNew(key) {
		return
	}
	c := &b.chunks
	c.project.str(e.project)
	c.day.u16(e.day)
	c.hash.bytes(h[:])
	c.body.str(body)
	for i := range children {
		c.children.elem.bytes(children[i][:])
	}
	c.children.end(len(children))
	c.rows++
	b.fresh[key] = struct{}{}
}

// AddSpan adds a span whose cost is what its sender gave, as AddPriced does.
func (b *Batch) AddSpan(s *genai.Span) { b.AddPriced(s, &Price{}) }

// AddPriced adds a span and what a price book says of it. What it needs is copied: s, p and the memory
// that they alias may be reused. After a panic the batch is as it was before the call.
func (b *Batch) AddPriced(s *genai.Span, p *Price) {
	done := false
	defer b.unlessDone(&done)
	c, e := &b.spans, &b.enc
	start, moved := b.place(s.Start)
	// What the columns cannot say of the times is said in detail, and stays in the raw form.
	asSent := !moved && (s.End.IsZero() || s.End.Equal(time.Unix(0, clampNano(s.End))))
	e.start(b, s.Project, dayOf(start))
	e.detail(s)
	if moved {
		e.group(fWarning, string(warnMoved.Code), warnMoved.Field, warnMoved.Text)
	}
	if !asSent {
		e.put(fStart, wireNano(s.Start))
		e.put(fEnd, wireNano(s.End))
	}
	c.core(s, start, duration(s, start, moved))
	c.genAI(s, p, moved)
	c.print(e.versions.of(s, e.system, e.tools))
	b.attributes(s.Attributes)
	c.said.add(s, s.HasInput(), genai.AnyContent(s.Output))
	c.inputPreview.str(inputPreview(s))
	c.outputPreview.str(outputPreview(s))
	// Raw last: it finds the contents of the canonical form.
	skip := content.Fields(0)
	e.head = appendHead(e.head[:0], s.TraceID, s.SpanID, s.ParentSpanID[:], s.Name, uint8(s.Kind), start, clampNano(s.End))
	if hasHead(s.Raw, e.head) {
		skip = headFields
	}
	e.raw = content.Cut(e.raw[:0], s.Raw, content.SpanShape, skip, e.putRaw)
	c.raw.bytes(e.raw)
	c.resource.hash(e.shared(&e.lastResource, s.Service.Raw))
	c.scope.hash(e.shared(&e.lastScope, s.Scope.Raw))
	c.detail.bytes(e.buf)
	c.cost.parts.bytes(e.encodeParts(p.Parts))
	for i := range e.refs {
		c.refs.elem.bytes(e.refs[i][:])
	}
	c.refs.end(len(e.refs))
	c.rows++
	done = true
}

// hashed is a piece of memory that spans share, with its hash. It keeps the memory alive, so no other piece
// can come to lie where it is.
type hashed struct {
	raw  []byte
	hash content.Hash
}

// shared is unreadBytes for what many spans in a row have in common: it hashes the same memory once.
func (e *encoder) shared(last *hashed, b []byte) content.Hash {
	if len(b) == 0 || len(b) != len(last.raw) || &b[0] != &last.raw[0] {
		*last = hashed{b, e.unreadBytes(b)}
		return last.hash
	}
	if !e.b.hasContent(e, last.hash) { // of another project or day
		e.unreadBytes(b)
	}
	return last.hash
}

func (e *encoder) unreadBytes(b []byte) content.Hash {
	if len(b) == 0 {
		return content.Hash{}
	}
	return e.unread(unsafe.String(&b[0], len(b)))
}

func (b *Batch) attributes(list []genai.Attribute) {
	c, e := &b.spans, &b.enc
	n := 0
	if len(list) > 0 {
		at := e.begin(fAttributeTypes)
		for i := range list {
			mark := byte(list[i].Value.Type)
			if n >= maxMapKeys || len(list[i].Value.Text) > maxMapValue || !mappable(&list[i]) {
				mark |= notInMap
			} else {
				c.attributes.put(list[i].Key, list[i].Value.String())
				n++
			}
			e.buf = append(e.buf, mark)
		}
		e.end(at)
		if n < len(list) {
			b.s.metrics.cutAttributes.Add(float64(len(list) - n))
			marks := string(e.buf[len(e.buf)-len(list):])
			for i := range list {
				if marks[i]&notInMap != 0 {
					e.attribute(fAttribute, list[i].Key, list[i].Value)
				}
			}
		}
	}
	c.attributes.end()
}

// notInMap marks an attribute that is kept in detail.
const notInMap = 0x80

// mappable reports whether the text of the value gives the value back.
func mappable(a *genai.Attribute) bool {
	return a.Value.Type != genai.TypeDouble || !math.IsNaN(a.Value.Double())
}

// AddFragment adds what a GenAI log record tells of a span: f is the partial span. The record's own
// time stays in its raw form. After a panic the batch is as it was before the call.
func (b *Batch) AddFragment(f *genai.Span, l *Log) {
	done := false
	defer b.unlessDone(&done)
	c, e := &b.fragments, &b.enc
	nanos, _ := b.place(l.Time)
	e.start(b, l.Project, dayOf(nanos))
	e.fragment(f)
	c.event.add(e, l, nanos)
	head := f.RecordHead()
	c.head.add(&head)
	for i := range f.Warnings {
		c.warnings.elem.str(string(f.Warnings[i].Code))
	}
	c.warnings.end(len(f.Warnings))
	input, output := f.Settled()
	c.said.add(f, input, output)
	c.detail.bytes(e.buf)
	c.refs.end(e.appendRefs(&c.refs.elem))
	c.rows++
	done = true
}

// AddLog adds a log record that is not GenAI or that nothing joins with a span, as AddFragment does.
func (b *Batch) AddLog(l *Log) {
	done := false
	defer b.unlessDone(&done)
	c, e := &b.logs, &b.enc
	nanos, _ := b.place(l.Time)
	e.start(b, l.Project, dayOf(nanos))
	c.event.add(e, l, nanos)
	c.severity.u8(l.Severity)
	c.service.str(l.Service.Name)
	c.scopeName.str(l.Scope.Name)
	c.body.str(preview(l.Body))
	c.refs.end(e.appendRefs(&c.refs.elem))
	c.rows++
	done = true
}

func (e *encoder) appendRefs(c *hashCol) int {
	for i := range e.refs {
		c.bytes(e.refs[i][:])
	}
	return len(e.refs)
}

func tokens(c *int64Col, t genai.Tokens) {
	if !t.Known {
		c.i64(-1)
		return
	}
	c.i64(max(0, t.N))
}

// costScale is that of the column: Decimal(38, 12).
const costScale = 12

// parseCost reads a decimal into units of 10^-12, rounded towards zero.
func parseCost(s string) (lo, hi uint64, ok bool) {
	whole, frac, _ := strings.Cut(s, ".")
	frac = (frac + "000000000000")[:costScale]
	digits := whole + frac
	if len(digits) <= 18 {
		var n int64
		for i := range len(digits) {
			if digits[i] < '0' || digits[i] > '9' {
				return bigCost(s)
			}
			n = n*10 + int64(digits[i]-'0')
		}
		return uint64(n), 0, true
	}
	return bigCost(s)
}

// bigCost reads signs, exponents and long numbers.
func bigCost(s string) (lo, hi uint64, ok bool) {
	r, ok := new(big.Rat).SetString(s)
	if !ok || len(s) > 64 {
		return 0, 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(1e12))
	n := new(big.Int).Quo(r.Num(), r.Denom())
	if n.BitLen() > 120 {
		return 0, 0, false
	}
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	var b [16]byte
	n.FillBytes(b[:])
	for i := range 8 {
		hi, lo = hi<<8|uint64(b[i]), lo<<8|uint64(b[8+i])
	}
	return lo, hi, true
}

// inputPreview is the beginning of the last user text.
func inputPreview(s *genai.Span) string {
	for _, v := range slices.Backward(s.Input) {
		if v.Role == genai.RoleUser {
			if t := firstText(v.Parts); t != "" {
				return preview(t)
			}
		}
	}
	return preview(s.Retrieval.Query)
}

func outputPreview(s *genai.Span) string {
	for i := range s.Output {
		if t := firstText(s.Output[i].Parts); t != "" {
			return preview(t)
		}
	}
	return ""
}

func firstText(parts []genai.Part) string {
	for i := range parts {
		if parts[i].Type == genai.PartText || parts[i].Type == genai.PartRefusal {
			return parts[i].Content
		}
	}
	return ""
}

// preview cuts s after maxPreview characters.
func preview(s string) string {
	const n = maxPreview
	if len(s) <= n {
		return s
	}
	at := 0
	for range n {
		_, size := utf8.DecodeRuneInString(s[at:])
		if at += size; at >= len(s) {
			return s
		}
	}
	return s[:at]
}
