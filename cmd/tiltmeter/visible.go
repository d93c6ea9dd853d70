package main

// What comes from files and goes to a terminal must not act on it: a span's name may hold an escape sequence.

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// acts reports whether a terminal, or whoever reads a line of it, takes the character for more than a sign: controls,
// ends of lines, and those that turn the direction of what follows.
func acts(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// visible is s with escapes for the characters that act.
func visible(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, acts) < 0 {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, s[0])
		case acts(c):
			quoted := strconv.QuoteRuneToASCII(c)
			out.WriteString(quoted[1 : len(quoted)-1])
		default:
			out.WriteRune(c)
		}
		s = s[n:]
	}
	return out.String()
}

// visibleJSON is a JSON text on one line with escapes for the characters that act, which only strings can hold.
func visibleJSON(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, acts) < 0 {
		return s
	}
	var out strings.Builder
	for _, c := range s {
		if acts(c) {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c) // a byte that is no UTF-8 comes as U+FFFD
		}
	}
	return out.String()
}
