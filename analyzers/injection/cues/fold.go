package cues

// Hashes of words, and the plain letters behind disguised ones.

import "unicode/utf8"

const (
	fnvOffset = 2166136261
	fnvPrime  = 16777619
)

// hashWord is the hash that Scan gives the lower-case word w; never 0.
func hashWord(w string) uint32 {
	h := uint32(fnvOffset)
	for i := 0; i < len(w); {
		c, n := utf8.DecodeRuneInString(w[i:])
		h = hashRune(h, c)
		i += n
	}
	return nonZero(h)
}

func hashRune(h uint32, c rune) uint32 {
	for c >= utf8.RuneSelf {
		h = (h ^ uint32(c&0x7F|0x80)) * fnvPrime //nolint:gosec // seven bits
		c >>= 7
	}
	return (h ^ uint32(c)) * fnvPrime //nolint:gosec // not negative
}

func nonZero(h uint32) uint32 {
	if h == 0 {
		return 1
	}
	return h
}

// leet is the letter that a digit or mark amid letters stands for; 0 for none.
func leet(c rune) rune {
	switch c {
	case '0':
		return 'o'
	case '1', '!', '|':
		return 'i'
	case '3', '€':
		return 'e'
	case '4', '@':
		return 'a'
	case '5', '$':
		return 's'
	case '6', '9':
		return 'g'
	case '7', '+':
		return 't'
	case '8':
		return 'b'
	}
	return 0
}

// alike maps letters of other scripts to the Latin ones that they look like.
var alike = map[rune]rune{
	'а': 'a', 'в': 'b', 'е': 'e', 'ѕ': 's', 'і': 'i', 'ј': 'j', 'к': 'k', 'м': 'm', 'н': 'h', 'о': 'o', 'р': 'p', 'с': 'c', 'т': 't', 'у': 'y', 'х': 'x', 'ь': 'b', 'ԁ': 'd', 'ԛ': 'q', 'ԝ': 'w',
	'α': 'a', 'β': 'b', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ϲ': 'c', 'ϳ': 'j', 'γ': 'y',
	'ɑ': 'a', 'ɡ': 'g', 'ı': 'i', 'ɩ': 'i', 'ʀ': 'r', 'ɴ': 'n', 'ʏ': 'y',
}

// plain folds compatibility forms (full width, mathematical, circled letters) to the ASCII letter, in lower case.
func plain(c rune) (rune, bool) {
	switch {
	case 0xFF21 <= c && c <= 0xFF3A:
		return c - 0xFF21 + 'a', true
	case 0xFF41 <= c && c <= 0xFF5A:
		return c - 0xFF41 + 'a', true
	case 0x1D400 <= c && c <= 0x1D6A3:
		return (c-0x1D400)%26 + 'a', true
	case 0x24B6 <= c && c <= 0x24E9:
		return (c-0x24B6)%26 + 'a', true
	case 0x1F130 <= c && c <= 0x1F189:
		return (c-0x1F130)%32%26 + 'a', true
	}
	return c, false
}

// invisible says whether c has no width and no business between Latin letters.
func invisible(c rune) bool {
	return 0x200B <= c && c <= 0x200F || 0x2060 <= c && c <= 0x2064 || 0x202A <= c && c <= 0x202E || c == 0xFEFF || c == 0x00AD || tag(c)
}

// tag says whether c is one of the tag characters, which repeat ASCII invisibly.
func tag(c rune) bool { return 0xE0020 <= c && c <= 0xE007E }
