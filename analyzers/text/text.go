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

// abbreviations end in a dot that ends no sentence: before anything, before what begins small, or before a number.
var abbreviations = map[string]follows{
	"mr": anything, "mrs": anything, "ms": anything, "dr": anything, "prof": anything, "st": anything, "vs": anything, "e.g": anything, "i.e": anything,
	"fig": anything, "approx": anything, "u.s": small, "u.k": small, "etc": small, "jr": small, "sr": small, "inc": small, "ltd": small, "co": small,
	"al": small, "no": number, "nr": number, "p": number, "pp": number,
}

// maxAbbreviation is how many bytes the longest has.
const maxAbbreviation = 6

// follows is what an abbreviation is followed by.
type follows uint8

const (
	nothing follows = iota
	anything
	small
	number
)

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
	word := s[j:i]
	var lower [maxAbbreviation]byte
	n := copy(lower[:], word)
	for k, c := range lower[:n] {
		if 'A' <= c && c <= 'Z' {
			lower[k] = c + 'a' - 'A'
		}
	}
	if n == len(word) && abbreviated(abbreviations[string(lower[:n])], s[end:]) {
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

// abbreviated says whether what an abbreviation is followed by lets it be one.
func abbreviated(want follows, rest string) bool {
	c, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, " "))
	switch want {
	case anything:
		return true
	case small:
		return unicode.IsLower(c)
	case number:
		return unicode.IsDigit(c)
	default:
		return false
	}
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

// lowered holds, for each ASCII character of words, its lower case; else 0.
var lowered = func() (table [utf8.RuneSelf]byte) {
	for c := range byte(utf8.RuneSelf) {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			table[c] = c
		case 'A' <= c && c <= 'Z':
			table[c] = c + 'a' - 'A'
		}
	}
	return table
}()

// Words calls yield for each word of s in lower case with its place, until it returns false. A word is a run of letters,
// marks and digits, with the apostrophes and hyphens within it; typographic apostrophes are made ASCII. buf is memory for
// the word, which is good until the next call of yield; it is returned for the next text.
func Words(s string, buf []byte, yield func(word []byte, at Range) bool) []byte {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && lowered[c] == 0 {
			i++
			continue
		}
		end := 0
		if buf, end = appendWord(buf[:0], s, i); end == i {
			_, n := utf8.DecodeRuneInString(s[i:])
			i += n
			continue
		}
		if !yield(buf, Range{i, end}) {
			return buf
		}
		i = end
	}
	return buf
}

// appendWord appends the word that begins at i, if one does, and returns its end.
func appendWord(buf []byte, s string, i int) ([]byte, int) {
	for i < len(s) {
		if c := s[i]; c < utf8.RuneSelf && lowered[c] != 0 {
			buf = append(buf, lowered[c])
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		if c >= utf8.RuneSelf && inWord(c) {
			buf = utf8.AppendRune(buf, unicode.ToLower(c))
			i += n
			continue
		}
		joint := joins(c)
		if joint == 0 || len(buf) == 0 || i+n >= len(s) {
			break
		}
		if next, _ := utf8.DecodeRuneInString(s[i+n:]); !inWord(next) {
			break
		}
		buf = append(buf, joint)
		i += n
	}
	return buf, i
}

// joins is the ASCII form of a mark that may stand within a word, or 0.
func joins(c rune) byte {
	switch c {
	case '\'', '’', 'ʼ':
		return '\''
	case '-', '‑':
		return '-'
	}
	return 0
}

func inWord(c rune) bool {
	if c < utf8.RuneSelf {
		return c >= 0 && lowered[c] != 0
	}
	return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c))
}
