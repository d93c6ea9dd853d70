package loadgen

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protowire"
)

// textRef is a text that is new in every request. Where it is used a second time in the same request
// (an agent that resends its history) the bytes are copied from the first place.
type textRef struct{ id, length int }

// patchKind says what is written at a place when a request is made from a template.
type patchKind uint8

const (
	patchText    patchKind = iota // new text
	patchHex                      // new hexadecimal digits
	patchTraceID                  // 16 bytes of trace n
	patchSpanID                   // 8 bytes of span n
	patchTime                     // fixed64: base time plus a fixed offset
)

type patch struct {
	kind   patchKind
	offset int
	length int
	n      int   // text, trace or span number
	delta  int64 // patchTime: ns relative to the base time, never positive
}

// chunk is protobuf under construction with the places that change. Messages are built from the
// inside out, so patches move when a chunk is put into another one.
type chunk struct {
	b       []byte
	patches []patch
}

func (c *chunk) raw(s string) { c.b = append(c.b, s...) }

func (c *chunk) text(t textRef) {
	c.patches = append(c.patches, patch{kind: patchText, offset: len(c.b), length: t.length, n: t.id})
	c.b = append(c.b, make([]byte, t.length)...)
}

func (c *chunk) hex(t textRef) {
	c.patches = append(c.patches, patch{kind: patchHex, offset: len(c.b), length: t.length, n: t.id})
	c.b = append(c.b, make([]byte, t.length)...)
}

func (c *chunk) str(field protowire.Number, s string) {
	c.b = protowire.AppendTag(c.b, field, protowire.BytesType)
	c.b = protowire.AppendString(c.b, s)
}

func (c *chunk) varint(field protowire.Number, v uint64) {
	c.b = protowire.AppendTag(c.b, field, protowire.VarintType)
	c.b = protowire.AppendVarint(c.b, v)
}

func (c *chunk) double(field protowire.Number, v float64) {
	c.b = protowire.AppendTag(c.b, field, protowire.Fixed64Type)
	c.b = protowire.AppendFixed64(c.b, math.Float64bits(v))
}

// msg puts inner into the field as a length-delimited value.
func (c *chunk) msg(field protowire.Number, inner *chunk) {
	c.b = protowire.AppendTag(c.b, field, protowire.BytesType)
	c.b = protowire.AppendVarint(c.b, uint64(len(inner.b)))
	c.join(inner)
}

// join appends inner's bytes and patches as they are.
func (c *chunk) join(inner *chunk) {
	base := len(c.b)
	c.b = append(c.b, inner.b...)
	for _, p := range inner.patches {
		p.offset += base
		c.patches = append(c.patches, p)
	}
}

func (c *chunk) id(field protowire.Number, kind patchKind, n int) {
	length := 8
	if kind == patchTraceID {
		length = 16
	}
	c.b = protowire.AppendTag(c.b, field, protowire.BytesType)
	c.b = protowire.AppendVarint(c.b, uint64(length))
	c.patches = append(c.patches, patch{kind: kind, offset: len(c.b), length: length, n: n})
	c.b = append(c.b, make([]byte, length)...)
}

func (c *chunk) time(field protowire.Number, delta int64) {
	c.b = protowire.AppendTag(c.b, field, protowire.Fixed64Type)
	c.patches = append(c.patches, patch{kind: patchTime, offset: len(c.b), length: 8, delta: delta})
	c.b = append(c.b, make([]byte, 8)...)
}

// Attributes: opentelemetry.proto.common.v1.KeyValue{key=1, value=2}, AnyValue{string=1, bool=2, int=3,
// double=4, array=5}. fieldAttributes differs by message and is the first argument.

func (c *chunk) attr(field protowire.Number, key string, value *chunk) {
	var kv chunk
	kv.str(1, key)
	kv.msg(2, value)
	c.msg(field, &kv)
}

func (c *chunk) attrStr(field protowire.Number, key, s string) {
	var v chunk
	v.str(1, s)
	c.attr(field, key, &v)
}

func (c *chunk) attrInt(field protowire.Number, key string, n int) { //nolint:unparam // as its siblings
	var v chunk
	v.varint(3, uint64(n)) //nolint:gosec // protobuf's int64 is a varint of its two's complement
	c.attr(field, key, &v)
}

func (c *chunk) attrDouble(field protowire.Number, key string, f float64) {
	var v chunk
	v.double(4, f)
	c.attr(field, key, &v)
}

func (c *chunk) attrStrings(field protowire.Number, key string, list ...string) {
	var arr chunk
	for _, s := range list {
		var v chunk
		v.str(1, s)
		arr.msg(1, &v)
	}
	var v chunk
	v.msg(5, &arr)
	c.attr(field, key, &v)
}

// fail ends a span with an error: Span.status=15{message=2, code=3 (2 is error)}.
func (c *chunk) fail(what string) {
	var status chunk
	status.str(2, what)
	status.varint(3, 2)
	c.msg(15, &status)
}

// attrChunk sends a string whose content has patches.
func (c *chunk) attrChunk(field protowire.Number, key string, content *chunk) { //nolint:unparam // as its siblings
	var v chunk
	v.msg(1, content)
	c.attr(field, key, &v)
}

// copyOp repeats a text inside a request.
type copyOp struct{ dst, src, length int }

// template is a request with everything in place but what makes it unique.
type template struct {
	bytes      []byte
	patches    []patch
	copies     []copyOp // after all patches
	traces     int
	spans      int
	traceSpans []traceSpans
	newText    int // bytes of new text a request
}

// traceSpans lists the span numbers of one trace of a template.
type traceSpans struct{ spans []int }

// finishTemplate splits text places into the one that is written and those that repeat it.
func finishTemplate(c *chunk, traces []traceSpans) *template {
	t := &template{bytes: c.b, traces: len(traces), traceSpans: traces}
	first := map[int]int{}
	for _, p := range c.patches {
		if p.kind == patchText || p.kind == patchHex {
			if src, ok := first[p.n]; ok {
				t.copies = append(t.copies, copyOp{p.offset, src, p.length})
				continue
			}
			first[p.n] = p.offset
			t.newText += p.length
		}
		t.patches = append(t.patches, p)
	}
	for _, ts := range traces {
		t.spans += len(ts.spans)
	}
	return t
}

// write makes request seq of the run from the template. b is as long as the template.
func (t *template) write(b []byte, v *vocabulary, ids idSource, seq uint64, baseNanos int64) {
	copy(b, t.bytes)
	rng := rand.NewPCG(ids.seed, seq)
	for i := range t.patches {
		p := &t.patches[i]
		dst := b[p.offset : p.offset+p.length]
		switch p.kind {
		case patchText:
			v.fill(dst, rng)
		case patchHex:
			fillHex(dst, rng)
		case patchTraceID:
			id := ids.trace(seq, p.n)
			copy(dst, id[:])
		case patchSpanID:
			id := ids.span(seq, p.n)
			copy(dst, id[:])
		case patchTime:
			binary.LittleEndian.PutUint64(dst, uint64(baseNanos+p.delta)) //nolint:gosec // after 1970
		}
	}
	for _, c := range t.copies {
		copy(b[c.dst:c.dst+c.length], b[c.src:c.src+c.length])
	}
}

// idSource makes ids from the seed and the place in the run. Different places give different ids,
// because mix is a bijection and places are numbered without overlap (maxBatch spans a request).
type idSource struct{ seed uint64 }

func (s idSource) trace(seq uint64, n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], s.prefix())
	binary.BigEndian.PutUint64(id[8:], mix(s.seed^mix(seq*maxBatch+uint64(n)+1))) //nolint:gosec // an index
	return id
}

func (s idSource) span(seq uint64, n int) (id [8]byte) {
	v := mix(s.seed + mix(seq*maxBatch+uint64(n)+1)) //nolint:gosec // an index
	if v == 0 {                                      // the all-zero id is invalid; one place in 2^64 gives up its uniqueness
		v = 1
	}
	binary.BigEndian.PutUint64(id[:], v)
	return id
}

// prefix is the first half of every trace id of the run, by which a run's traces are recognised.
func (s idSource) prefix() uint64 { return mix(s.seed) | 1 }

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014), a bijection on 64 bits.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
