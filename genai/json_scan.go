package genai

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
	loose bool // a string held a raw control character, which JSON forbids
}

func (c *scanner) fail() { c.err = true }

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

// escapeWidth is the length of the escape at the beginning of s, 0 when it is none.
func escapeWidth(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, b := range []byte(s[2:6]) {
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// skipNested moves behind the array or object that begins at pos.
func (c *scanner) skipNested(end byte) {
	if c.depth++; c.depth > MaxJSONDepth {
		c.fail()
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

// text is the string's content, in place when it has no escapes. Other values give their JSON,
// null gives "".
func (n node) text() string {
	switch {
	case n.kind == jsonNull || n.kind == jsonNone:
		return ""
	case n.kind != jsonString:
		return n.src
	}
	s := n.src[1:]
	if !n.cut {
		s = s[:len(s)-1]
	}
	if !n.escaped {
		return s
	}
	return unescape(s)
}

func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			out = append(out, s...)
			return unsafe.String(unsafe.SliceData(out), len(out))
		}
		out = append(out, s[:i]...)
		s = s[i:]
		w := escapeWidth(s)
		if w == 0 {
			out = append(out, '\\')
			s = s[1:]
			continue
		}
		switch s[1] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(s)
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s[6:])
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					w += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, s[1])
		}
		s = s[w:]
	}
}

// float reads a number, or a string that holds one.
func (n node) float() (float64, bool) {
	if n.kind != jsonNumber && n.kind != jsonString {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.text(), 64)
	return f, err == nil
}

// json is the value as JSON text; a string that was cut off is closed.
func (n node) json() JSON {
	if n.cut {
		return JSON(appendString(nil, n.text()))
	}
	if n.kind == jsonNull {
		return ""
	}
	return JSON(n.src)
}

// fields calls each for the keys of the object that begins at pos, with pos at the value, which
// each must read. It stops at the first error.
func (c *scanner) fields(each func(key string)) {
	c.items('{', '}', func() {
		if c.peek() != '"' {
			c.fail()
			return
		}
		k := c.next()
		if c.peek() != ':' {
			c.fail()
			return
		}
		c.pos++
		each(k.text())
	})
}

// items calls each for the elements between open and end.
func (c *scanner) items(open, end byte, each func()) {
	if c.peek() != open {
		c.fail()
		return
	}
	if c.depth++; c.depth > MaxJSONDepth {
		c.fail()
		return
	}
	c.pos++
	for first := true; ; first = false {
		b := c.peek()
		if b == end && first {
			c.pos++
			break
		}
		each()
		if c.err {
			return
		}
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

// unwrap gives the JSON inside a JSON string ("double encoding"), when it is an object or array.
func (n node) unwrap() (JSON, bool) {
	if n.kind != jsonString || n.cut {
		return "", false
	}
	s := n.text()
	if inner, ok := nested(s); ok {
		return inner, true
	}
	return "", false
}

// nested says whether s is, whole, a JSON object or array.
func nested(s string) (JSON, bool) {
	c := scanner{s: s}
	if b := c.peek(); b != '{' && b != '[' {
		return "", false
	}
	n := c.next()
	if c.err || c.loose {
		return "", false
	}
	c.peek()
	return JSON(n.src), c.pos == len(s)
}

// Unwrap is the JSON text that j holds as a string when that is an object or array, else j.
func (j JSON) Unwrap() JSON {
	c := scanner{s: string(j)}
	if c.peek() == '"' {
		if inner, ok := c.next().unwrap(); ok {
			return inner
		}
	}
	return j
}
