// Package text cuts text into sentences and words, with the places where they stand.
//
// Places are byte offsets into the text that was given, so that evidence can point at it. It knows no span, no
// model and no language: what differs between scripts is decided by Unicode's classes. It never fails; invalid UTF-8 is
// passed over byte by byte. Time is linear in the text.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Range is a part of a text: bytes [Start, End).
type Range struct{ Start, End int }

// Of is the part of s.
func (r Range) Of(s string) string { return s[r.Start:r.End] }

// MaxSentences bounds the sentences that Sentences finds; the last one then holds the rest of the text.
const MaxSentences = 4096

// abbreviations end in a dot that ends no sentence.
var abbreviations = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "dr": true, "prof": true, "st": true, "vs": true, "etc": true, "e.g": true, "i.e": true,
	"no": true, "jr": true, "sr": true, "inc": true, "ltd": true, "co": true, "fig": true, "al": true, "approx": true, "u.s": true, "u.k": true,
}

// Sentences appends the sentences of s to dst, without the space around them. A sentence ends at a mark that ends sentences
// in its script, with the quotes and brackets behind it, and at every line break.
func Sentences(dst []Range, s string) []Range {
	first := len(dst)
	start := 0
	add := func(end int) {
		if r := trimmed(s, start, end); r.End > r.Start {
			dst = append(dst, r)
		}
		start = end
	}
	for i := 0; i < len(s) && len(dst)-first < MaxSentences-1; {
		c, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case c == '\n' || c == '\r' || c == '\u2028' || c == '\u2029':
			add(i)
			i += n
		case ends(c):
			end := closed(s, i+n)
			if c == '.' && !dotEnds(s, start, i, end) {
				i += n
				continue
			}
			if c < utf8.RuneSelf && end < len(s) && !isSpace(s[end:]) {
				i = end
				continue
			}
			add(end)
			i = end
		default:
			i += n
		}
	}
	add(len(s))
	return dst
}

// ends says whether a mark can end a sentence.
func ends(c rune) bool {
	switch c {
	case '.', '!', '?', '…', '。', '！', '？', '؟', '।', '۔', '։', '።':
		return true
	}
	return false
}

// closed is where the marks, quotes and brackets that belong to the end of a sentence end.
func closed(s string, i int) int {
	for i < len(s) {
		c, n := utf8.DecodeRuneInString(s[i:])
		if !ends(c) && !strings.ContainsRune("\"')]}»”’）」』*_", c) {
			break
		}
		i += n
	}
	return i
}

// dotEnds says whether the dot at i ends a sentence: not within numbers and names, not of an abbreviation, an initial or
// the number of a list.
func dotEnds(s string, start, i, end int) bool {
	if end < len(s) && !isSpace(s[end:]) {
		return false
	}
	j := i
	for j > start && s[j-1] > ' ' && s[j-1] != '(' && s[j-1] != '"' {
		j--
	}
	word := strings.ToLower(s[j:i])
	if abbreviations[word] {
		return false
	}
	if strings.TrimSpace(s[start:j]) == "" && len(word) <= 3 && strings.Trim(word, "0123456789") == "" {
		return false // "1." of a list
	}
	if c, n := utf8.DecodeRuneInString(s[j:i]); n == i-j && unicode.IsUpper(c) && c != 'I' {
		return false // an initial
	}
	return true
}

func isSpace(s string) bool {
	c, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(c)
}

func trimmed(s string, start, end int) Range {
	for start < end {
		c, n := utf8.DecodeRuneInString(s[start:end])
		if !unicode.IsSpace(c) {
			break
		}
		start += n
	}
	for end > start {
		c, n := utf8.DecodeLastRuneInString(s[start:end])
		if !unicode.IsSpace(c) {
			break
		}
		end -= n
	}
	return Range{start, end}
}

// Words calls yield for each word of s in lower case with its place, until it returns false. A word is a run of letters,
// marks and digits, with the apostrophes and hyphens within it; typographic apostrophes are made ASCII. buf is memory for
// the word, which is good until the next call of yield.
func Words(s string, buf []byte, yield func(word []byte, at Range) bool) []byte {
	for i := 0; i < len(s); {
		c, n := utf8.DecodeRuneInString(s[i:])
		if !inWord(c) {
			i += n
			continue
		}
		start := i
		buf = buf[:0]
		for i < len(s) {
			c, n = utf8.DecodeRuneInString(s[i:])
			if inWord(c) {
				buf = utf8.AppendRune(buf, unicode.ToLower(c))
				i += n
				continue
			}
			joint := byte(0)
			switch c {
			case '\'', '’', 'ʼ':
				joint = '\''
			case '-', '‑':
				joint = '-'
			}
			if joint == 0 || i+n >= len(s) {
				break
			}
			if next, _ := utf8.DecodeRuneInString(s[i+n:]); !inWord(next) {
				break
			}
			buf = append(buf, joint)
			i += n
		}
		if !yield(buf, Range{start, i}) {
			return buf
		}
	}
	return buf
}

func inWord(c rune) bool {
	if c < utf8.RuneSelf {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	}
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c))
}
