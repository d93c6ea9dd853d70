package genai

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// body is what lies between the quotes of a string, escapes included.
func (n node) body() string {
	s := n.src[1:]
	if !n.cut {
		s = s[:len(s)-1]
	}
	return s
}

// text is the string's content, in place when it has no escapes. Other values give their JSON,
// null gives "".
func (n node) text() string {
	switch {
	case n.kind == jsonNull || n.kind == jsonNone:
		return ""
	case n.kind != jsonString:
		return n.src
	case !n.escaped:
		return n.body()
	}
	s := n.body()
	out := appendUnescaped(make([]byte, 0, len(s)), s)
	return unsafe.String(unsafe.SliceData(out), len(out))
}

// appendUnescaped appends s without its escapes. What is no escape stays as it stands, and a
// surrogate without its other half becomes U+FFFD. It never appends more than len(s) bytes.
func appendUnescaped(out []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		s = s[i:]
		for len(s) > 1 && s[0] == '\\' {
			w := 2
			switch b := s[1]; b {
			case '"', '\\', '/':
				out = append(out, b)
			case 'n':
				out = append(out, '\n')
			case 't':
				out = append(out, '\t')
			case 'r':
				out = append(out, '\r')
			case 'b':
				out = append(out, '\b')
			case 'f':
				out = append(out, '\f')
			default:
				var r rune
				if r, w = codePoint(s); w == 0 {
					out, w = append(out, '\\'), 1
				} else {
					out = utf8.AppendRune(out, r)
				}
			}
			s = s[w:]
		}
		if s == `\` {
			return append(out, '\\')
		}
	}
}

// codePoint reads the \u escape, or the pair of them, that s begins with; width 0: there is none.
func codePoint(s string) (r rune, width int) {
	r, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
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

// hexDigits has the value of each hexadecimal digit, 0xff for every other byte.
var hexDigits = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range byte(16) {
		t["0123456789abcdef"[i]], t["0123456789ABCDEF"[i]] = i, i
	}
	return t
}()

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	a, b, c, d := hexDigits[s[2]], hexDigits[s[3]], hexDigits[s[4]], hexDigits[s[5]]
	if a|b|c|d > 15 {
		return 0, false
	}
	return rune(a)<<12 | rune(b)<<8 | rune(c)<<4 | rune(d), true
}

// json is the value as JSON text, "" for null; a string that was cut off is closed.
func (n node) json() JSON {
	if n.cut {
		return JSON(appendString(nil, n.text()))
	}
	if n.kind == jsonNull {
		return ""
	}
	return JSON(n.src)
}

// unwrap is the value as JSON; of a string that holds an object or array ("double encoding") it
// is what the string holds.
func (n node) unwrap() JSON {
	if n.kind == jsonString && !n.cut {
		if inner, ok := nested(n.text()); ok {
			return inner
		}
	}
	return n.json()
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
	if c.peek() != '"' {
		return j
	}
	if n := c.next(); !c.err {
		if inner, ok := nested(n.text()); ok {
			return inner
		}
	}
	return j
}

// appendString appends s as a JSON string; only control characters are written as \u escapes.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		i := plainEnd(s, 0)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		switch b := s[i]; b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, `\u00`...)
			if b < 16 {
				dst = append(dst, '0')
			}
			dst = strconv.AppendUint(dst, uint64(b), 16)
		}
		s = s[i+1:]
	}
}

// empty says that the value says nothing: null, [], {} or "".
func (n node) empty() bool {
	return n.kind == jsonNull || len(n.src) == 2 && (n.kind == jsonArray || n.kind == jsonObject || n.kind == jsonString)
}

// index is a whole number that can count choices, 0 for everything else.
func (n node) index() int64 {
	if n.kind != jsonNumber {
		return 0
	}
	i, err := strconv.ParseInt(n.src, 10, 32)
	if err != nil {
		return 0
	}
	return max(i, 0)
}
