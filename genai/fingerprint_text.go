package genai

import "strings"

// reducer takes out of instructions what a template fills in, so that a prompt with today's date, a
// customer's number or a request's id in it is the same prompt tomorrow. What it takes out leaves one mark:
//
//   - every word with a digit in it: numbers, dates, times, ids, versions, model names,
//   - addresses with an @,
//   - names of months and weekdays, am, pm and UTC, beside such a word,
//   - values that the sender named as the prompt's variables, the user or the conversation, of three
//     characters and more.
//
// White space counts as one space. What it cannot know: a person's name or a document that was pasted into
// the instructions without being named as a variable changes the fingerprint with each call; and a change
// of nothing but a number ("at most 3 sentences") does not change it. Digits outside ASCII count.
type reducer struct {
	values []string
	budget int  // bytes of values that may still be compared with the text
	marked bool // the last thing written is a mark, with nothing but space behind it
	space  bool // white space waits to be written before the next word
	any    bool // something was written
}

// mark stands for what was taken out.
const mark = '#'

// minValueBytes keeps values like "a" from eating the instructions.
const minValueBytes = 3

// maxValues bounds how many values are looked for; prompts have a handful of variables.
const maxValues = 64

// maxComparedBytes bounds the search for values, which a text made for it could draw out for minutes. A page
// of instructions and ten values take some thousands.
const maxComparedBytes = 4 << 20

// begin takes the values that do not count in a text; it keeps them at the beginning of the slice.
func (r *reducer) begin(values []string) {
	*r = reducer{values: valuesThatCount(values), budget: maxComparedBytes}
}

// valuesThatCount are the values that are looked for, at the beginning of the slice given.
func valuesThatCount(values []string) []string {
	kept := values[:0]
	for _, v := range values {
		if v = strings.TrimFunc(v, func(c rune) bool { return c <= ' ' }); len(v) >= minValueBytes && len(kept) < maxValues {
			kept = append(kept, v)
		}
	}
	return kept
}

// reduce appends the reduced text. The next text runs on after a space.
func (r *reducer) reduce(dst []byte, text string) []byte {
	r.space = r.any
	for i := 0; i < len(text); {
		c := text[i]
		if c <= ' ' {
			r.space = r.any
			i++
			continue
		}
		n, taken := 0, false
		if len(r.values) > 0 && (i == 0 || !wordByte(text[i-1])) {
			n, taken = r.value(text[i:])
		}
		if !taken && !wordByte(c) {
			dst = append(r.gap(dst), c)
			r.marked = false
			i++
			continue
		}
		if !taken {
			n, taken = word(text[i:])
		}
		if !taken && calendar(text[i:i+n]) {
			taken = r.marked || dateFollows(text[i+n:])
		}
		switch {
		case taken && r.marked: // one mark for all
			r.space = false
		case taken:
			dst = append(r.gap(dst), mark)
			r.marked = true
		default:
			dst = append(r.gap(dst), text[i:i+n]...)
			r.marked = false
		}
		i += n
	}
	return dst
}

// gap writes the space that waits.
func (r *reducer) gap(dst []byte) []byte {
	if r.space {
		dst = append(dst, ' ')
	}
	r.space, r.any = false, true
	return dst
}

// value is the length of the longest known value that s begins with.
func (r *reducer) value(s string) (int, bool) {
	longest := 0
	for _, v := range r.values {
		if len(v) <= longest || len(v) > len(s) || v[:minValueBytes] != s[:minValueBytes] || len(v) > r.budget {
			continue
		}
		r.budget -= len(v)
		ends := len(v) == len(s) || !wordByte(v[len(v)-1]) || !wordByte(s[len(v)])
		if ends && strings.HasPrefix(s, v) {
			longest = len(v)
		}
	}
	return longest, longest > 0
}

// word is the length of the word that s begins with, and whether it has a digit or an @. A word is letters
// and digits, joined by - and _, and by : . / , and + between digits.
func word(s string) (n int, taken bool) {
	tried := false // whether the word is an address
	for {
		for n < len(s) {
			class := classes[s[n]]
			if class&inWord == 0 {
				break
			}
			taken = taken || class == isDigit
			n++
		}
		if n+1 >= len(s) {
			return n, taken
		}
		switch c := s[n]; c {
		case '@', '.', '+', '-', ':', '/', ',':
			if !tried && c != ':' && c != '/' && c != ',' {
				if a := address(s); a > 0 {
					return a, true
				}
				tried = true
			}
			if !joins(c, s[n-1], s[n+1]) {
				return n, taken
			}
			n++
		default:
			return n, taken
		}
	}
}

// class of a byte; all of a letter outside ASCII is in a word.
type class uint8

const (
	inWord  class = 1
	isDigit class = 3 // in a word, too
)

var classes = func() (t [256]class) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = isDigit
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80:
			t[c] = inWord
		}
	}
	return t
}()

func joins(c, before, behind byte) bool {
	switch c {
	case '-':
		return wordByte(behind)
	case ':', '.', '/', ',', '+':
		return digit(before) && digit(behind)
	}
	return false
}

// address is the length of the mail address that s begins with, 0 for none.
func address(s string) int {
	local := addressPart(s)
	if local == 0 || local == len(s) || s[local] != '@' {
		return 0
	}
	domain := addressPart(s[local+1:])
	if domain == 0 {
		return 0
	}
	return local + 1 + len(strings.TrimRight(s[local+1:local+1+domain], ".+-"))
}

// maxAddressBytes bounds each side of an @ (RFC 5321, 4.5.3.1: 64 and 255).
const maxAddressBytes = 255

func addressPart(s string) int {
	for i := range min(len(s), maxAddressBytes) {
		if c := s[i]; !wordByte(c) && c != '.' && c != '+' && c != '-' {
			return i
		}
	}
	return min(len(s), maxAddressBytes)
}

func digit(c byte) bool { return classes[c] == isDigit }

func wordByte(c byte) bool { return classes[c]&inWord != 0 }

// calendarWords are parts of dates and times.
var calendarWords = []string{
	"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
	"mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun", "am", "pm", "utc", "gmt",
}

// calendarByLetter is calendarWords by their first letter and length. Most words are told apart by that alone.
var calendarByLetter = func() (t ['z' + 1][len("wednesday") + 1][]string) {
	for _, w := range calendarWords {
		t[w[0]][len(w)] = append(t[w[0]][len(w)], w)
	}
	return t
}()

// calendar reports whether the word is part of a date or a time, whatever its letters' case.
func calendar(w string) bool {
	first := w[0] | 0x20
	if len(w) > len("wednesday") || first > 'z' {
		return false
	}
	for _, c := range calendarByLetter[first][len(w)] {
		if w[1]|0x20 == c[1] && strings.EqualFold(c, w) {
			return true
		}
	}
	return false
}

// dateFollows reports whether s goes on with a number, with nothing but names of months and weekdays before it.
func dateFollows(s string) bool {
	const most = 3 // weekday, month, day
	for range most {
		s = strings.TrimLeft(s, " \t\n\r,.")
		if s == "" || !wordByte(s[0]) {
			return false
		}
		n, taken := word(s)
		if taken {
			return true
		}
		if !calendar(s[:n]) {
			return false
		}
		s = s[n:]
	}
	return false
}
