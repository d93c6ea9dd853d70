package leakage

// Short instructions, such as a password or an access code: no run of words tells them, so that they are looked for as they are, spelt
// out, turned round, encoded, or hinted at.

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

// short looks for instructions that are short, and so for each of their disguises. It says whether there is one.
func short(l *leak, given, said []analyzers.Text) (any bool) {
	looked := 0
	for i := range given {
		g := &given[i]
		if looked == maxShorts {
			break
		}
		if g.Origin != analyzers.Instructions || len(g.Content) > maxShort*utf8.UTFMax || utf8.RuneCountInString(g.Content) > maxShort {
			continue
		}
		whole := strings.TrimSpace(g.Content)
		if whole == "" || !utf8.ValidString(whole) { // broken bytes are parts of whole characters elsewhere
			continue
		}
		any = true
		looked++
		key := fold(whole)
		for j := range said {
			if said[j].Origin != analyzers.Answer {
				continue
			}
			overlap, start, end, disguise := disclosed(whole, key, beginning(said[j].Content))
			if overlap <= l.overlap || others(given, whole) {
				continue
			}
			l.overlap = overlap
			if start < end && overlap >= evidenceOverlap {
				source := masked(g, 0, len(g.Content))
				passage := masked(&said[j], start, end)
				passage.Quote = mask(said[j].Content[start:end])
				source.Quote = mask(g.Content)
				l.pieces = append(l.pieces[:0], analyzers.Evidence{
					Reason: reasonInstruction, Text: disguise, Score: overlap, Passage: passage, Source: &source,
				})
			}
		}
	}
	return any
}

// beginning is as much of an answer as short instructions are looked for in.
func beginning(s string) string {
	if len(s) <= maxShortAnswer {
		return s
	}
	end := maxShortAnswer
	for end > maxShortAnswer-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// elsewhere says whether an answer names a password outright ("the password is "marzipan""). When it is not in the instructions, they are
// not what is given away.
func elsewhere(said []analyzers.Text) bool {
	const reach = 16
	for i := range said {
		s := said[i].Content
		if said[i].Origin != analyzers.Answer {
			continue
		}
		for at := 0; ; at++ {
			next := strings.IndexAny(s[at:], "\"'“`")
			if next < 0 {
				break
			}
			at += next
			_, n := utf8.DecodeRuneInString(s[at:])
			before := strings.TrimRight(strings.ToLower(s[max(0, at-reach):at]), " :=")
			if at+n < len(s) && joins(rune(s[at+n])) && slices.ContainsFunc(credentials, func(w string) bool { return strings.HasSuffix(before, w) }) {
				return true
			}
		}
	}
	return false
}

// others says whether somebody else than the operator said the same.
func others(given []analyzers.Text, whole string) bool {
	for i := range given {
		if o := given[i].Origin; (o == analyzers.User || o == analyzers.Document || o == analyzers.ToolResult) && strings.Contains(given[i].Content, whole) {
			return true
		}
	}
	return false
}

// fold is the letters and digits of s, lower.
func fold(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, s)
}

// minFolded is how many bytes what is looked for without its spaces and marks must have: less is part of many words.
const minFolded = 5

// disclosed says how much of a short instruction an answer gives away, where, and how.
func disclosed(whole, key, answer string) (overlap float64, start, end int, how string) {
	const plain, hidden = "Says the instruction as it stands.", "Says the instruction in a disguise."
	if at := strings.Index(answer, whole); at >= 0 && (key == "" || bounded(answer, at, at+len(whole)) || len(key) >= minFolded) {
		return rarity(whole), at, at + len(whole), plain
	}
	if key == "" {
		return 0, 0, 0, ""
	}
	if len(key) >= minFolded {
		if at, to := locate(answer, key); to > at {
			return rarity(whole), at, to, plain
		}
		if at, to := locate(answer, reversed(key)); to > at {
			return rarity(whole), at, to, hidden
		}
		if at, to := locate(answer, rotated(key)); to > at && rotated(key) != key {
			return rarity(whole), at, to, hidden
		}
		if at, to := cognate(key, answer); to > at {
			return 0.6 * rarity(whole), at, to, "Says the instruction's word in another form."
		}
		for _, code := range [...]string{base64.RawStdEncoding.EncodeToString([]byte(whole)), hex.EncodeToString([]byte(whole))} {
			if at := strings.Index(answer, code); at >= 0 {
				return 1, at, at + len(code), hidden
			}
		}
	} else if at, to := locate(answer, key); to > at && bounded(answer, at, to) && to-at == len(whole) {
		return rarity(whole), at, to, plain
	}
	if at, to := strange(key, answer); to > at {
		return 0.8, at, to, "Says the rare characters of the instruction."
	}
	if at, to := spelled(whole, answer); to > at {
		return 1, at, to, hidden
	}
	overlap, start, end, how = pieces(whole, answer)
	if overlap < hinted {
		if at, to := hint(key, answer); to > at {
			return hinted, at, to, "Tells how the instruction is spelt."
		}
	}
	return overlap, start, end, how
}

// hinted is the overlap of an answer that describes how a word is spelt.
const hinted = 0.4

// hint is where an answer tells how many letters a word has, or which it begins with, and is right.
func hint(key, answer string) (start, end int) {
	n := utf8.RuneCountInString(key)
	if n < 3 || n >= len(counts) || key[0] < 'a' || key[0] > 'z' {
		return 0, 0
	}
	first := key[:1]
	for _, form := range [...]string{counts[n] + " letter", counts[n] + "-letter", `letter "` + first + `"`, "letter '" + first + "'"} {
		if at := indexFold(answer, form); at >= 0 {
			return at, at + len(form)
		}
	}
	return 0, 0
}

// indexFold is where an ASCII text stands in s, whatever its case, or -1.
func indexFold(s, text string) int {
	for at := 0; at+len(text) <= len(s); at++ {
		if s[at]|0x20 == text[0]|0x20 && strings.EqualFold(s[at:at+len(text)], text) {
			return at
		}
	}
	return -1
}

var counts = [...]string{"", "", "", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

// cognate is where an answer has a word that begins like a lone word of the instructions: its form in another language.
func cognate(key, answer string) (start, end int) {
	const least = 6
	if len(key) < least+1 {
		return 0, 0
	}
	stem := key[:max(least, len(key)*3/4)]
	text.Words(answer, nil, func(w []byte, at text.Range) bool {
		if len(w) <= len(key)+3 && strings.HasPrefix(string(w), stem) {
			start, end = at.Start, at.End
		}
		return end == 0
	})
	return start, end
}

// strange is where an answer has characters of a short instruction that texts of its script do not have.
func strange(key, answer string) (start, end int) {
	for i, c := range answer {
		if c >= 0x370 && strings.ContainsRune(key, unicode.ToLower(c)) {
			if end == 0 {
				start = i
			}
			end = i + utf8.RuneLen(c)
		}
	}
	ascii := 0
	for _, c := range []byte(answer) {
		if c < utf8.RuneSelf {
			ascii++
		}
	}
	if ascii*10 < len(answer)*9 {
		return 0, 0 // it is written in that script
	}
	for _, c := range key {
		if c < 0x370 || !strings.ContainsRune(strings.ToLower(answer), c) {
			return 0, 0
		}
	}
	return start, end
}

// spelled is where an answer gives the bytes of an instruction as numbers, decimal or hexadecimal.
func spelled(whole, answer string) (start, end int) {
	if len(whole) < minFolded {
		return 0, 0
	}
	for _, base := range [...]int{10, 16} {
		matched := 0
		for i := 0; i < len(answer); {
			if !isHex(answer[i]) {
				i++
				continue
			}
			at := i
			for i < len(answer) && isHex(answer[i]) {
				i++
			}
			v, err := strconv.ParseUint(answer[at:i], base, 8)
			switch {
			case err != nil:
				matched = 0
				continue
			case byte(v) != whole[matched]:
				if matched = 0; byte(v) != whole[0] {
					continue
				}
			}
			if matched == 0 {
				start = at
			}
			if matched++; matched == len(whole) {
				return start, i
			}
		}
	}
	return 0, 0
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// rarity is how sure it is that who says these words was told them: words that every assistant says are a sign of nothing.
func rarity(whole string) float64 {
	var weight float64
	words := 0
	text.Words(whole, nil, func(w []byte, _ text.Range) bool {
		words++
		switch is := vocabulary[string(w)]; {
		case is&isStop != 0:
		case is&isPrompt != 0:
			weight += 0.3
		default:
			weight++
		}
		return true
	})
	if words == 0 {
		return 1
	}
	return math.Min(1, weight)
}

// pieces says how much of the words of a short instruction an answer has, each as a word. Words that make a sentence ("answer in
// French") are no password: of those the words alone say nothing.
func pieces(whole, answer string) (overlap float64, start, end int, how string) {
	var found, all float64
	start = len(answer)
	words, sentence := 0, false
	text.Words(whole, nil, func(w []byte, _ text.Range) bool {
		weight := 1.0
		switch is := vocabulary[string(w)]; {
		case is&(isStop|isDirective|isMild) != 0:
			sentence = true
			return false
		case is&isPrompt != 0:
			weight = 0.3
		}
		words++
		all += weight
		if at, to := locate(answer, fold(string(w))); to > at && bounded(answer, at, to) {
			found += weight
			start, end = min(start, at), max(end, to)
		}
		return true
	})
	if sentence || words < 2 || found == 0 {
		return 0, 0, 0, ""
	}
	share := found / all
	return 0.9 * share * share * math.Min(1, found/1.5), start, end, "Says the words of the instruction."
}

// reversed is s from its end.
func reversed(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

// rotated is s with ASCII letters thirteen further.
func rotated(s string) string {
	return strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' {
			return 'a' + (c-'a'+13)%26
		}
		return c
	}, s)
}
