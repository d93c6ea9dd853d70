package genai

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unsafe"
)

// MaxJSONDepth is how many arrays and objects may lie within each other in a text that is read;
// tool schemas and arguments stay far below. It bounds the stack.
const MaxJSONDepth = 256

// kind of a scanned JSON value.
type jsonKind uint8

const (
	jsonNone jsonKind = iota // nothing could be read
	jsonNull
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// node is one JSON value in its text: src is the text, with the quotes of a string.
type node struct {
	src     string
	kind    jsonKind
	escaped bool // a string with backslashes
	cut     bool // a string that the text ended in
}

// scanner reads JSON in place. After an error it stays where it stopped: err is set, pos is the
// first byte that was not understood.
type scanner struct {
	s     string
	pos   int
	depth int
	err   bool
	deep  bool // the error is MaxJSONDepth, not the text
	loose bool // a string held a raw control character, which JSON forbids
	coded bool // a string held a \u escape
}

func (c *scanner) fail() { c.err = true }

// enter counts one array or object more around pos.
func (c *scanner) enter() (ok bool) {
	if c.depth++; c.depth > MaxJSONDepth {
		c.err, c.deep = true, true
	}
	return !c.err
}

// peek skips white space and returns the next byte, 0 at the end or after an error.
func (c *scanner) peek() byte {
	for c.pos < len(c.s) {
		b := c.s[c.pos]
		if b > ' ' {
			if c.err {
				return 0
			}
			return b
		}
		if b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return 0
		}
		c.pos++
	}
	return 0
}

// next returns the next value, whole.
func (c *scanner) next() node {
	start := 0
	n := node{}
	switch b := c.peek(); {
	case b == '"':
		start = c.pos
		n.kind = jsonString
		n.escaped, n.cut = c.skipString()
	case b == '{':
		start = c.pos
		n.kind = jsonObject
		c.skipNested('}')
	case b == '[':
		start = c.pos
		n.kind = jsonArray
		c.skipNested(']')
	case b == 't':
		return c.literal("true", jsonBool)
	case b == 'f':
		return c.literal("false", jsonBool)
	case b == 'n':
		return c.literal("null", jsonNull)
	case b == '-' || b >= '0' && b <= '9':
		start = c.pos
		n.kind = jsonNumber
		c.skipNumber()
	default:
		c.fail()
		return n
	}
	n.src = c.s[start:c.pos]
	return n
}

func (c *scanner) literal(word string, k jsonKind) node {
	if !strings.HasPrefix(c.s[c.pos:], word) {
		c.fail()
		return node{}
	}
	c.pos += len(word)
	return node{src: word, kind: k}
}

func (c *scanner) skipNumber() {
	s, i := c.s, c.pos
	digits := func() bool {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if s[i] == '-' {
		i++
	}
	ok := true
	if i < len(s) && s[i] == '0' {
		i++
	} else {
		ok = digits()
	}
	if ok && i < len(s) && s[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		c.fail()
		return
	}
	c.pos = i
}

// skipString moves behind the string that begins at pos.
func (c *scanner) skipString() (escaped, cut bool) {
	i := c.pos + 1
	for {
		i = plainEnd(c.s, i)
		if i >= len(c.s) {
			c.pos = len(c.s)
			c.fail()
			return escaped, true
		}
		switch c.s[i] {
		case '"':
			c.pos = i + 1
			return escaped, false
		case '\\':
			escaped = true
			w := escapeWidth(c.s[i:])
			c.coded = c.coded || w == 6
			if w == 0 && len(c.s)-i >= 6 || w == 0 && len(c.s)-i > 1 && c.s[i+1] != 'u' {
				w = 1 // an unknown escape: kept as it stands, and the text is no JSON
				c.err = true
			}
			if w == 0 {
				c.pos = len(c.s)
				c.fail()
				return escaped, true
			}
			i += w
		default: // a control character: not JSON, but senders do it; taken as it stands
			escaped, c.loose = true, true
			i++
		}
	}
}

// skipNested moves behind the array or object that begins at pos.
func (c *scanner) skipNested(end byte) {
	if !c.enter() {
		return
	}
	c.pos++
	for first := true; !c.err; first = false {
		b := c.peek()
		if b == end && first {
			c.pos++
			break
		}
		if end == '}' {
			if b != '"' {
				c.fail()
				return
			}
			c.skipString()
			if c.peek() != ':' {
				c.fail()
				return
			}
			c.pos++
		}
		c.next()
		if b = c.peek(); b == end {
			c.pos++
			break
		}
		if b != ',' {
			c.fail()
			return
		}
		c.pos++
	}
	c.depth--
}

// plainEnd is the index of the first byte from i on that is a quote, a backslash or a control
// character. It looks at eight bytes at a time; see "Determine if a word has a byte less than n"
// in Anderson's Bit Twiddling Hacks.
func plainEnd(s string, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		q, e := w^(ones*'"'), w^(ones*'\\')
		m := ((q-ones) & ^q | (e-ones) & ^e | (w-ones*0x20) & ^w) & tops
		if m != 0 {
			// Borrows make only bytes above the first hit wrong, so the lowest is right.
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return len(b)
}

// open enters the array or object that begins at pos. Loop over it with
//
//	for first := c.open('['); c.more(']', first); first = false {
//		// read one element; of an object: c.key(), then one value
//	}
func (c *scanner) open(b byte) (first bool) {
	if c.peek() != b {
		c.fail()
		return false
	}
	if !c.enter() {
		return false
	}
	c.pos++
	return true
}

// more moves to the next element; false behind the last one and after an error.
func (c *scanner) more(end byte, first bool) bool {
	b := c.peek()
	switch {
	case c.err:
		return false
	case first && b != end:
		return true
	case b == end:
		c.pos++
		c.depth--
		return false
	case b != ',':
		c.fail()
		return false
	}
	c.pos++
	if c.peek() == end {
		c.fail()
		return false
	}
	return true
}

// key reads a key and its colon, and leaves pos at the value. ok is false after an error.
func (c *scanner) key() (k string, ok bool) {
	if c.peek() != '"' {
		c.fail()
		return "", false
	}
	n := c.next()
	if c.peek() != ':' {
		c.fail()
		return "", false
	}
	c.pos++
	return n.text(), true
}
