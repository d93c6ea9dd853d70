package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendText appends the value as text: a string as it is, with invalid UTF-8 repaired, anything
// else as AppendJSON writes it. An empty value appends nothing.
func (v Value) AppendText(dst []byte, depth int) (out []byte, cut bool) {
	switch v.kind {
	case KindEmpty:
		return dst, false
	case KindString:
		return AppendValidUTF8(dst, v.b), false
	case KindBytes:
		return base64.StdEncoding.AppendEncode(dst, v.b), false
	}
	return v.AppendJSON(dst, depth)
}

// AppendJSON appends the value as plain JSON: strings, numbers, true, false, null, lists and
// objects; bytes as a base64 string; NaN and infinities as the strings the OTLP's JSON uses.
// Lists and maps nested more than depth within each other become null, and cut says so. Invalid
// UTF-8 is replaced by U+FFFD. Integers keep all their digits.
func (v Value) AppendJSON(dst []byte, depth int) (out []byte, cut bool) {
	switch v.kind {
	case KindString:
		return AppendJSONString(dst, v.b), false
	case KindBool:
		return strconv.AppendBool(dst, v.num != 0), false
	case KindInt:
		return strconv.AppendInt(dst, int64(v.num), 10), false
	case KindDouble:
		return appendDouble(dst, math.Float64frombits(v.num)), false
	case KindBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.b)
		return append(dst, '"'), false
	case KindArray, KindMap:
		if depth <= 0 {
			return append(dst, "null"...), true
		}
		if v.kind == KindArray {
			return v.appendArray(dst, depth)
		}
		return v.appendMap(dst, depth)
	}
	return append(dst, "null"...), false
}

func (v Value) appendArray(dst []byte, depth int) ([]byte, bool) {
	dst = append(dst, '[')
	cut, first := false, true
	for it := v.Array(); it.Next(); {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var c bool
		dst, c = it.cur.AppendJSON(dst, depth-1)
		cut = cut || c
	}
	return append(dst, ']'), cut
}

func (v Value) appendMap(dst []byte, depth int) ([]byte, bool) {
	dst = append(dst, '{')
	cut, first := false, true
	for it := v.Map(); it.Next(); {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendJSONString(dst, it.key)
		dst = append(dst, ':')
		var c bool
		dst, c = it.val.AppendJSON(dst, depth-1)
		cut = cut || c
	}
	return append(dst, '}'), cut
}

// appendDouble writes the shortest decimal that reads back as f, as encoding/json does.
func appendDouble(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends b as a JSON string, invalid UTF-8 replaced by U+FFFD.
func AppendJSONString(dst, b []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(b[i:])
			if r != utf8.RuneError || n != 1 {
				i += n
				continue
			}
		}
		dst = append(dst, b[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	dst = append(dst, b[start:]...)
	return append(dst, '"')
}

// appendEscaped appends one byte that may not stand in a JSON string as it is.
func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// AppendValidUTF8 appends b with every byte that is not part of a valid UTF-8 sequence replaced
// by U+FFFD. The OTLP's strings should be valid; senders that cut text by bytes break that.
func AppendValidUTF8(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return append(dst, b...)
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}
