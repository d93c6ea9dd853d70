package wire

import "unicode/utf8"

// MaxNesting is how many protobuf messages may lie within each other in one attribute (an
// element of a list within a list is four deep). It bounds the stack and is pdata's and protobuf
// C++'s limit. It is a constant and not a setting: lowering a setting must never make a span
// unreadable that was acknowledged before.
const MaxNesting = 100

// MaxPieces is how many pieces, empty ones not counted, one resource or scope may come in. Protobuf
// lets a message be sent so, and no known sender does it. More cost the spans under it, counted
// under ReasonPieces. Like MaxNesting it is a constant for what was acknowledged before.
const MaxPieces = 1_000

// Defaults of Limits.
const (
	// DefaultRequestBytes is four times the exporters' usual gRPC limit of 4 MiB: traces of
	// agents with long contexts do come in one piece.
	DefaultRequestBytes = 16 << 20
	// DefaultSpansPerRequest is six times the largest batch an SDK sends by default (8,192 in
	// the Collector's batch processor) and keeps one request within one insert.
	DefaultSpansPerRequest = 50_000
	// DefaultAttributesPerSpan is eight times the SDKs' default limit of 128, since flattened
	// message lists ("llm.input_messages.17.message.content") use one attribute a field.
	DefaultAttributesPerSpan = 1_024
	// DefaultAttributeValueBytes holds a context of a million tokens of text.
	DefaultAttributeValueBytes = 4 << 20
	// DefaultDepth is deeper than any tool schema seen; deeper values are cut where they are
	// turned into JSON.
	DefaultDepth = 32
)

// Limits is what one request, span and attribute may hold. RequestBytes and SpansPerRequest turn
// a request away before it is acknowledged; the others cut, later, when rows are made, and what
// is cut is marked. Zero fields mean the default.
type Limits struct {
	// RequestBytes is the largest request, decompressed.
	RequestBytes int
	// SpansPerRequest is the largest number of spans or log records in one request.
	SpansPerRequest int
	// AttributesPerSpan is how many attributes of one span are indexed.
	AttributesPerSpan int
	// AttributeValueBytes is how much of one attribute value is kept.
	AttributeValueBytes int
	// Depth is how many lists or maps within each other are rendered.
	Depth int
}

// WithDefaults returns l with every field that is not positive replaced by its default.
func (l Limits) WithDefaults() Limits {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&l.RequestBytes, DefaultRequestBytes)
	set(&l.SpansPerRequest, DefaultSpansPerRequest)
	set(&l.AttributesPerSpan, DefaultAttributesPerSpan)
	set(&l.AttributeValueBytes, DefaultAttributeValueBytes)
	set(&l.Depth, DefaultDepth)
	return l
}

// CutText returns the longest prefix of b of at most maxBytes bytes that does not end within a
// UTF-8 sequence, and whether anything was cut off.
func CutText(b []byte, maxBytes int) ([]byte, bool) {
	if len(b) <= maxBytes {
		return b, false
	}
	n := max(maxBytes, 0)
	for back := 0; back < utf8.UTFMax && n > 0 && !utf8.RuneStart(b[n]); back++ {
		n--
	}
	return b[:n], true
}
