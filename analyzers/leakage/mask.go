package leakage

// Quotes that repeat no secret, and the places where a value was said before.

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
)

// mask is s with every letter and digit but the first and the last as an asterisk, so that people can tell which value is meant and
// nobody can use it. A short one is hidden whole.
func mask(s string) string {
	const hideWhole = 6 // letters and digits, of which two would be too many to show
	n := 0
	for _, c := range s {
		if shows(c) {
			n++
		}
	}
	var b strings.Builder
	i := 0
	for _, c := range s {
		if !shows(c) {
			b.WriteRune(c)
			continue
		}
		if i++; n > hideWhole && (i == 1 || i == n) && c != utf8.RuneError {
			b.WriteRune(c)
		} else {
			b.WriteByte('*')
		}
	}
	return shorten(b.String())
}

// shows says whether a character says something of a value.
func shows(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || c == utf8.RuneError
}

func shorten(s string) string {
	if len(s) <= analyzers.MaxQuote {
		return s
	}
	end := analyzers.MaxQuote
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// masked is the passage [start, end) of a text with what Find finds in it masked.
func masked(t *analyzers.Text, start, end int) analyzers.Passage {
	p := t.Passage(start, end)
	found := Find(t.Content[start:min(end, start+2*analyzers.MaxQuote)])
	if len(found) == 0 {
		return p
	}
	var b strings.Builder
	at := 0
	whole := t.Content[start:end]
	for _, f := range found {
		b.WriteString(whole[at:f.Start])
		b.WriteString(mask(whole[f.Start:f.End]))
		at = f.End
	}
	b.WriteString(whole[at:])
	p.Quote = shorten(b.String())
	return p
}

// value is the passage of a finding, hidden.
func value(t *analyzers.Text, f Finding) analyzers.Passage {
	p := t.Passage(f.Start, f.End)
	p.Quote = mask(t.Content[f.Start:f.End])
	return p
}

// maxValue bounds the letters and digits of a value that are looked for elsewhere.
const maxValue = 64

// key is what values are compared by: letters and digits, lower.
func key(s string) string {
	k := fold(s)
	if len(k) > maxValue {
		k = k[:maxValue]
		for k != "" && !utf8.ValidString(k) {
			k = k[:len(k)-1]
		}
	}
	return k
}

// maxBetween is how many characters that are none may stand between two letters of a value that is looked for.
const maxBetween = 3

// locate is where the letters and digits of key stand in s, whatever case they have and marks stand between; end is 0 when they do not.
func locate(s, key string) (start, end int) {
	first, width := utf8.DecodeRuneInString(key)
	if width == 0 {
		return 0, 0
	}
	if first < utf8.RuneSelf {
		for i := range len(s) {
			if c := s[i]; rune(c|0x20) == first && (c == byte(first) || c&^0x20 >= 'A') { //nolint:gosec // ASCII
				if to := matched(s[i+1:], key[1:]); to >= 0 {
					return i, i + 1 + to
				}
			}
		}
		return 0, 0
	}
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if unicode.ToLower(c) == first {
			if to := matched(s[i+n:], key[width:]); to >= 0 {
				return i, i + n + to
			}
		}
		i += n
	}
	return 0, 0
}

// matched is where key ends in s, which begins with it, or -1.
func matched(s, key string) int {
	at, between := 0, 0
	for key != "" {
		if at >= len(s) {
			return -1
		}
		c, n := utf8.DecodeRuneInString(s[at:])
		want, width := utf8.DecodeRuneInString(key)
		at += n
		switch {
		case unicode.ToLower(c) == want:
			key, between = key[width:], 0
		case unicode.IsLetter(c) || unicode.IsDigit(c) || between == maxBetween:
			return -1
		default:
			between++
		}
	}
	return at
}
