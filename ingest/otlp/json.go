package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// jsonToProto converts an OTLP/JSON request to its protobuf bytes, so that the log holds one
// format. It reads what the specification says and what senders really send: ids in hexadecimal
// or base64, 64-bit integers as strings or numbers, enums as numbers or names, names in camelCase
// or snake_case, attributes as a list of pairs or as an object, nulls; unknown fields are ignored.
//
// A field of a span that cannot be read is written with a wire type it cannot have: the wire walk
// then refuses that span, under that field's name, and keeps the others. wrong says what the first
// such field held, and where, as JSON: its sender knows no other form.
//
// grow is asked before memory is taken, for all of it so far. Errors are a *refusal when grow said
// no or what b becomes is over limit: a list of small numbers grows more than fourfold.
func jsonToProto(b, dst []byte, s signal, limit int, grow func(bytes int64) bool) (proto []byte, wrong string, err error) {
	c := converter{scanner: scanner{b: b}, out: dst[:0], dst: cap(dst), granted: cap(dst), limit: limit, grow: grow}
	c.account()
	if c.peek() != '{' {
		return dst, "", fmt.Errorf("read JSON at byte %d: expected an object, found %s", c.pos, c.found(c.pos))
	}
	want := requestFields[s]
	own, foreign := false, ""
	c.object(func(key []byte) {
		name := canonical(key)
		other, ok := signalByField[name]
		switch {
		case !ok || other == s:
			own = own || ok
			c.member(name, want)
		case c.nothing():
			foreign = string(key)
		default:
			c.failForeign(string(key), s)
		}
	})
	if foreign != "" && !own {
		c.failForeign(foreign, s)
	}
	c.end()
	c.insertLengths()
	return c.out, c.wrong, c.err
}

// converter writes protobuf while it reads JSON.
type converter struct {
	scanner
	out     []byte
	dst     int // how large out was when it came; its owner holds it when it is outgrown
	granted int // how much of out may be used
	limit   int
	grow    func(bytes int64) bool
	// lengths are those that do not fit the one byte left for them, in the order of their places,
	// and missing is how many bytes they need beside it. They are put in at the end, in one pass:
	// moving a message when it ends would copy a nested value once for each level around it.
	lengths []length
	missing int
	// wrong is what the first field held that was spoilt, and where it lies.
	wrong string
}

// length is the length of a nested message and the place of its first byte.
type length struct{ at, bytes uint32 }

const (
	lengthBytes = 8
	// lengthSlack is what a field may ask for beyond what it needs; what came out is checked again.
	lengthSlack = 32
)

// failForeign ends a request for s that holds the member of another signal: it would be lost in silence.
func (c *converter) failForeign(key string, s signal) {
	c.fail(fmt.Sprintf("%q in a request for %s: post it to /v1/%s", key, s, signalByField[canonical([]byte(key))]))
}

// nothing reads null or an empty list, if it comes next.
func (c *converter) nothing() bool {
	if c.null() {
		return true
	}
	if c.peek() != '[' {
		return false
	}
	ahead := scanner{b: c.b, pos: c.pos + 1}
	if ahead.peek() != ']' {
		return false
	}
	c.skip()
	return true
}

// room makes sure that n bytes can be appended.
func (c *converter) room(n int) {
	need := len(c.out) + c.missing + n
	if need <= c.granted || c.err != nil {
		return
	}
	if need > c.limit+lengthSlack {
		c.refuse(refuseSize(c.limit))
		return
	}
	c.granted = min(max(need, 2*c.granted, len(c.b)), c.limit+lengthSlack)
	if c.account(); cap(c.out) < c.granted {
		c.out = append(make([]byte, 0, c.granted), c.out...)
	}
}

// account asks for what is held: out, the lengths, and what the scanner may need, which is never more
// than the whole for strings with escapes and an eighth of it for values that are skipped.
func (c *converter) account() {
	outgrown := 0
	if c.granted > c.dst {
		outgrown = c.dst
	}
	if !c.grow(int64(c.granted+outgrown) + lengthBytes*int64(cap(c.lengths)) + int64(len(c.b)+len(c.b)/8)) {
		c.refuse(&refusal{situation: busy})
	}
}

func (c *converter) refuse(r *refusal) {
	if c.err == nil {
		c.err, c.pos = r, len(c.b)
	}
}

// fieldDef says what a JSON member becomes: the field number and how its value is read.
type fieldDef struct {
	num  protowire.Number
	read func(c *converter, num protowire.Number)
}

// fields is a message: its members by canonical name.
type fields map[string]fieldDef

// canonical folds camelCase and snake_case: "traceId", "trace_id" and "TraceID" are one name.
func canonical(key []byte) string {
	return strings.ReplaceAll(strings.ToLower(string(key)), "_", "")
}

// member reads the value of the member called name into the message whose fields are def.
func (c *converter) member(name string, def fields) {
	f, ok := def[name]
	if !ok || f.read == nil {
		c.skip()
		return
	}
	if !c.null() {
		f.read(c, f.num)
	}
}

// message returns a reader for a nested message.
func message(def fields) func(*converter, protowire.Number) {
	return func(c *converter, num protowire.Number) {
		if c.peek() != '{' {
			c.mismatch(num, wantObject)
			return
		}
		c.nested(num, func() {
			c.object(func(key []byte) { c.member(canonical(key), def) })
		})
	}
}

// repeated returns a reader for a list whose elements one reads. A null element is left out.
func repeated(one func(*converter, protowire.Number)) func(*converter, protowire.Number) {
	return func(c *converter, num protowire.Number) {
		if c.peek() != '[' {
			c.mismatch(num, wantList)
			return
		}
		c.array(func() {
			if !c.null() {
				one(c, num)
			}
		})
	}
}

// nested writes a length-delimited field whose content write appends.
func (c *converter) nested(num protowire.Number, write func()) {
	c.tag(num, protowire.BytesType, 1)
	c.out = append(c.out, 0)
	if len(c.lengths) == cap(c.lengths) {
		c.lengths = append(make([]length, 0, max(64, 2*cap(c.lengths))), c.lengths...)
		c.account()
	}
	start, missing, slot := len(c.out), c.missing, len(c.lengths)
	c.lengths = append(c.lengths, length{at: uint32(start - 1)})
	write()
	n := len(c.out) - start + c.missing - missing
	if n < 0x80 { // so is everything in it, and the slot is the last
		c.out[start-1] = byte(n)
		c.lengths = c.lengths[:slot]
		return
	}
	c.lengths[slot].bytes = uint32(n)
	c.missing += protowire.SizeVarint(uint64(n)) - 1
}

// insertLengths puts the lengths in, from the last to the first, moving every byte once.
func (c *converter) insertLengths() {
	if c.missing == 0 || c.err != nil {
		return
	}
	if c.room(0); c.err != nil {
		return
	}
	end := len(c.out)
	c.out = c.out[:end+c.missing]
	to := len(c.out)
	for _, l := range slices.Backward(c.lengths) {
		behind := c.out[l.at+1 : end]
		to -= len(behind)
		copy(c.out[to:], behind)
		var varint [binary.MaxVarintLen32]byte
		k := binary.PutUvarint(varint[:], uint64(l.bytes))
		to -= k
		copy(c.out[to:], varint[:k])
		end = int(l.at)
	}
}

// tag begins a field that needs n bytes behind its tag.
func (c *converter) tag(num protowire.Number, t protowire.Type, n int) {
	c.room(n + binary.MaxVarintLen32)
	c.out = protowire.AppendTag(c.out, num, t)
}

// mismatch skips a value that is not what was wanted and spoils its field.
func (c *converter) mismatch(num protowire.Number, want string) {
	c.peek()
	at := c.pos
	c.skip()
	c.spoil(num, at, want)
}

// spoil writes field num, whose value lies at the byte given and is not what was wanted, as an empty
// group, a wire type that no field of the OTLP has.
func (c *converter) spoil(num protowire.Number, at int, want string) {
	if c.wrong == "" && c.err == nil {
		c.wrong = fmt.Sprintf("at byte %d, expected %s, found %s", at, want, c.found(at))
	}
	c.tag(num, protowire.StartGroupType, binary.MaxVarintLen32)
	c.out = protowire.AppendTag(c.out, num, protowire.EndGroupType)
}

// What fields hold, in an answer's words.
const (
	wantObject  = "an object"
	wantList    = "a list"
	wantString  = "a string"
	wantBase64  = "base64 in a string"
	wantInteger = "an integer"
	wantNumber  = "a number"
	wantBool    = "true or false"
	wantEnum    = "a number or a name"
	wantPair    = `an object with "key" and "value"`
	wantPairs   = `a list of objects with "key" and "value"`
)

// maxFoundBytes is how much of a string or a number an answer repeats.
const maxFoundBytes = 40

// found says what lies at the byte given.
func (s *scanner) found(at int) string {
	if at >= len(s.b) {
		return "the end"
	}
	switch s.b[at] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		text := s.b[at+1:]
		if end := bytes.IndexByte(text, '"'); end >= 0 && end <= maxFoundBytes {
			return fmt.Sprintf("the string %q", text[:end])
		}
		return fmt.Sprintf("a string that begins with %q", strings.ToValidUTF8(string(text[:min(len(text), maxFoundBytes)]), ""))
	}
	word := s.b[at:min(len(s.b), at+maxFoundBytes)]
	if end := bytes.IndexAny(word, ",]} \t\r\n"); end >= 0 {
		word = word[:end]
	}
	return strings.ToValidUTF8(string(word), "\uFFFD")
}

func readString(c *converter, num protowire.Number) {
	if c.peek() != '"' {
		c.mismatch(num, wantString)
		return
	}
	c.bytes(num, c.str())
}

func (c *converter) bytes(num protowire.Number, b []byte) {
	c.tag(num, protowire.BytesType, len(b)+binary.MaxVarintLen64)
	if c.err == nil {
		c.out = protowire.AppendBytes(c.out, b)
	}
}

// readID returns a reader for an id of size bytes: hexadecimal, as the OTLP says, or base64, as
// protobuf's own JSON mapping says. Anything else becomes an id of a length that no id has, for
// the wire walk to refuse.
func readID(size int) func(*converter, protowire.Number) {
	return func(c *converter, num protowire.Number) {
		if c.peek() != '"' {
			c.skip()
			c.bytes(num, []byte{0})
			return
		}
		text := c.str()
		if id, err := hex.DecodeString(string(text)); err == nil && (len(id) == size || len(id) == 0) {
			c.bytes(num, id)
			return
		}
		if id, ok := decodeBase64(text); ok && len(id) == size {
			c.bytes(num, id)
			return
		}
		c.bytes(num, []byte{0})
	}
}

// decodeBase64 reads the standard or the URL alphabet, with padding or without.
func decodeBase64(text []byte) ([]byte, bool) {
	t := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(string(text), "="))
	b, err := base64.RawStdEncoding.DecodeString(t)
	return b, err == nil
}

func readBytes(c *converter, num protowire.Number) {
	if c.peek() != '"' {
		c.mismatch(num, wantBase64)
		return
	}
	at := c.pos
	b, ok := decodeBase64(c.str())
	if !ok {
		c.spoil(num, at, wantBase64)
		return
	}
	c.bytes(num, b)
}

// integer reads the value of field num; where there is none the field is spoilt.
func (c *converter) integer(num protowire.Number) (n int64, ok bool) {
	c.peek()
	at := c.pos
	text, ok := c.scalar()
	if ok {
		n, ok = parseInt(text)
	}
	if !ok {
		c.spoil(num, at, wantInteger)
	}
	return n, ok
}

func readVarint(c *converter, num protowire.Number) {
	if n, ok := c.integer(num); ok {
		c.varint(num, uint64(n))
	}
}

func (c *converter) varint(num protowire.Number, n uint64) {
	c.tag(num, protowire.VarintType, binary.MaxVarintLen64)
	c.out = protowire.AppendVarint(c.out, n)
}

func readFixed64(c *converter, num protowire.Number) {
	if n, ok := c.integer(num); ok {
		c.tag(num, protowire.Fixed64Type, 8)
		c.out = protowire.AppendFixed64(c.out, uint64(n))
	}
}

func readFixed32(c *converter, num protowire.Number) {
	if n, ok := c.integer(num); ok {
		c.tag(num, protowire.Fixed32Type, 4)
		c.out = protowire.AppendFixed32(c.out, uint32(n))
	}
}

func readDouble(c *converter, num protowire.Number) {
	c.peek()
	at := c.pos
	text, ok := c.scalar()
	f := 0.0
	if ok {
		f, ok = parseDouble(text)
	}
	if !ok {
		c.spoil(num, at, wantNumber)
		return
	}
	c.double(num, f)
}

func (c *converter) double(num protowire.Number, f float64) {
	c.tag(num, protowire.Fixed64Type, 8)
	c.out = protowire.AppendFixed64(c.out, math.Float64bits(f))
}

func readBool(c *converter, num protowire.Number) {
	switch {
	case c.literal("true"):
		c.varint(num, 1)
	case c.literal("false"):
		c.varint(num, 0)
	case c.peek() == '"':
		at := c.pos
		switch string(c.str()) {
		case "true":
			c.varint(num, 1)
		case "false":
			c.varint(num, 0)
		default:
			c.spoil(num, at, wantBool)
		}
	default:
		c.mismatch(num, wantBool)
	}
}

// readEnum returns a reader for an enum: a number, a number in a string, or a name with or
// without its prefix ("SPAN_KIND_CLIENT", "CLIENT"). An unknown name is 0, "unspecified".
func readEnum(prefix string, names ...string) func(*converter, protowire.Number) {
	values := make(map[string]uint64, len(names))
	for i, n := range names {
		values[n] = uint64(i)
	}
	return func(c *converter, num protowire.Number) {
		c.peek()
		at := c.pos
		text, ok := c.scalar()
		if !ok {
			c.spoil(num, at, wantEnum)
			return
		}
		if n, ok := parseInt(text); ok {
			c.varint(num, uint64(n))
			return
		}
		name := strings.TrimPrefix(strings.ToUpper(string(text)), prefix)
		c.varint(num, values[name])
	}
}
