package otlp

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how many objects and arrays within each other are read as what they are. It bounds
// the stack. What lies deeper is skipped, and the list or object that holds it is left empty: that is
// far deeper than the wire walk takes (wire.MaxNesting messages, of which three levels of JSON make at
// least two), so that it refuses the span around it and no other.
const maxJSONDepth = 512

// scanner reads JSON (RFC 8259) in one pass, without building a tree: a request costs what it
// becomes, not a multiple of it. The first error sticks; every method is a no-op after it.
type scanner struct {
	b     []byte
	pos   int
	depth int
	err   error
	buf   []byte // holds the string read last when it had escapes
	open  levels // of the value that is being skipped
}

// levels are the objects and arrays around a place, a bit each, so that a body of nothing but
// brackets costs an eighth of itself.
type levels struct {
	bits []byte
	n    int
}

func (l *levels) push(object bool) {
	if l.n/8 == len(l.bits) {
		l.bits = append(l.bits, 0)
	}
	at, bit := l.n/8, byte(1)<<(l.n%8)
	l.n++
	if l.bits[at] &^= bit; object {
		l.bits[at] |= bit
	}
}

// inObject says whether the innermost one is an object.
func (l *levels) inObject() bool { return l.bits[(l.n-1)/8]&(1<<((l.n-1)%8)) != 0 }

func (s *scanner) fail(what string) {
	if s.err == nil {
		if s.pos >= len(s.b) {
			what += ", and the text ends"
		}
		s.err = fmt.Errorf("read JSON at byte %d: %s", s.pos, what)
		s.pos = len(s.b)
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) {
	if s.peek() != c || s.err != nil {
		s.fail(fmt.Sprintf("expected %q", c))
		return
	}
	s.pos++
}

// object calls each for every member of an object. each must consume the value. The key is valid
// until the next string is read.
func (s *scanner) object(each func(key []byte)) {
	s.list('{', '}', func() {
		key := s.str()
		s.expect(':')
		if s.err == nil {
			each(key)
		}
	})
}

// array calls each for every element of an array. each must consume the element.
func (s *scanner) array(each func()) { s.list('[', ']', each) }

func (s *scanner) list(open, end byte, each func()) {
	if s.depth == maxJSONDepth {
		s.skip()
		return
	}
	s.expect(open)
	s.depth++
	defer func() { s.depth-- }()
	if s.peek() == end && s.err == nil {
		s.pos++
		return
	}
	for s.err == nil {
		each()
		if s.err != nil {
			return
		}
		switch s.peek() {
		case ',':
			s.pos++
		case end:
			s.pos++
			return
		default:
			s.fail(fmt.Sprintf("expected ',' or %q", end))
		}
	}
}

// str reads a string and returns its text: a part of the input, or of s.buf when it had escapes.
// Either way it is valid until the next string is read.
func (s *scanner) str() []byte {
	s.expect('"')
	start := s.pos
	for i := start; i < len(s.b) && s.err == nil; i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.pos = i + 1
			return s.b[start:i]
		case c == '\\':
			s.buf = append(s.buf[:0], s.b[start:i]...)
			s.pos = i
			return s.escapedStr()
		case c < 0x20:
			s.pos = i
			s.fail("control character in a string")
		}
	}
	s.fail("unfinished string, and the text ends")
	return nil
}

// escapedStr reads the rest of a string from its first backslash on.
func (s *scanner) escapedStr() []byte {
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		s.pos++
		switch {
		case c == '"':
			return s.buf
		case c < 0x20:
			s.fail("control character in a string")
		case c != '\\':
			s.buf = append(s.buf, c)
		default:
			s.escape()
		}
	}
	s.fail("unfinished string")
	return nil
}

var simpleEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape reads what follows a backslash. Half of a surrogate pair becomes U+FFFD.
func (s *scanner) escape() {
	if s.pos >= len(s.b) {
		return
	}
	c := s.b[s.pos]
	s.pos++
	if c != 'u' {
		plain, ok := simpleEscapes[c]
		if !ok {
			s.fail("unknown escape in a string")
			return
		}
		s.buf = append(s.buf, plain)
		return
	}
	r, ok := s.hex4(s.pos)
	if !ok {
		s.fail("\\u needs four hexadecimal digits")
		return
	}
	s.pos += 4
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if s.pos+1 < len(s.b) && s.b[s.pos] == '\\' && s.b[s.pos+1] == 'u' {
			low, ok = s.hex4(s.pos + 2)
		}
		r = utf16.DecodeRune(r, low)
		if ok && r != utf8.RuneError {
			s.pos += 6
		}
	}
	s.buf = utf8.AppendRune(s.buf, r)
}

func (s *scanner) hex4(at int) (rune, bool) {
	if at+4 > len(s.b) {
		return 0, false
	}
	var r rune
	for _, c := range s.b[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number reads a number and returns its text.
func (s *scanner) number() []byte {
	s.peek()
	start, i := s.pos, s.pos
	digits := func() bool {
		from := i
		for i < len(s.b) && '0' <= s.b[i] && s.b[i] <= '9' {
			i++
		}
		return i > from
	}
	at := func(set string) bool {
		for k := range len(set) {
			if i < len(s.b) && s.b[i] == set[k] {
				i++
				return true
			}
		}
		return false
	}
	at("-")
	ok := at("0") || digits()
	if ok && at(".") {
		ok = digits()
	}
	if ok && at("eE") {
		at("+-")
		ok = digits()
	}
	if !ok || s.err != nil {
		s.fail("expected a value")
		return nil
	}
	s.pos = i
	return s.b[start:i]
}

// literal reads true, false or null and says whether it was the word given.
func (s *scanner) literal(word string) bool {
	s.peek()
	if s.err != nil || len(s.b)-s.pos < len(word) || string(s.b[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// null reads null if it comes next.
func (s *scanner) null() bool { return s.peek() == 'n' && s.literal("null") }

// skip reads a value of any kind and depth. It does not call itself.
func (s *scanner) skip() {
	s.open.n = 0
	for s.err == nil {
		if c := s.peek(); c == '{' || c == '[' {
			s.pos++
			s.open.push(c == '{')
			if s.peek() != closing(c == '{') {
				s.skipKey()
				continue
			}
			s.pos++
			s.open.n--
		} else {
			s.skipScalar()
		}
		if s.skipEnds(); s.open.n == 0 {
			return
		}
	}
}

// skipEnds reads what may follow a value within skip, to the next value.
func (s *scanner) skipEnds() {
	for s.open.n > 0 && s.err == nil {
		end := closing(s.open.inObject())
		switch s.peek() {
		case ',':
			s.pos++
			s.skipKey()
			return
		case end:
			s.pos++
			s.open.n--
		default:
			s.fail(fmt.Sprintf("expected ',' or %q", end))
		}
	}
}

// skipKey reads the key of a member where one belongs.
func (s *scanner) skipKey() {
	if s.open.inObject() {
		s.str()
		s.expect(':')
	}
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

func (s *scanner) skipScalar() {
	switch c := s.peek(); {
	case c == '"':
		s.str()
	case c == 't' && s.literal("true"), c == 'f' && s.literal("false"), c == 'n' && s.literal("null"):
	default:
		s.number()
	}
}

// end fails unless only white space is left.
func (s *scanner) end() {
	if s.err == nil && (s.peek() != 0 || s.pos < len(s.b)) {
		s.fail("something follows the request")
	}
}

// scalar reads a string or a number and returns its text; ok is false, and the value is skipped,
// when it is something else.
func (s *scanner) scalar() (text []byte, ok bool) {
	switch c := s.peek(); {
	case c == '"':
		return s.str(), s.err == nil
	case c == '-' || ('0' <= c && c <= '9'):
		return s.number(), s.err == nil
	}
	s.skip()
	return nil, false
}

// parseInt reads an integer as OTLP senders write them: decimal, signed or not, and "1.5e3" or
// "12.0" as long as it is whole. Unsigned numbers past the signed range keep their bits.
func parseInt(text []byte) (int64, bool) {
	t := string(text)
	if n, err := strconv.ParseInt(t, 10, 64); err == nil {
		return n, true
	}
	if n, err := strconv.ParseUint(t, 10, 64); err == nil {
		return int64(n), true
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil || f != math.Trunc(f) || f < math.MinInt64 || f >= math.MaxInt64 {
		return 0, false
	}
	return int64(f), true
}

// parseDouble reads a number, or a string holding one, NaN, Infinity or -Infinity.
func parseDouble(text []byte) (float64, bool) {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
