package leakage

// Finding personal data and secrets in one text. One pass over the bytes decides what runs: an address only beside an @, a
// number only where there is a digit, the rules of secrets only around a long run that mixes digits and letters. A text
// without those costs that pass.

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Kind is what was found: the closed vocabulary of this analyzer's reasons.
type Kind string

// The kinds that are no national number; those are in nationalNumbers.
const (
	KindEmail  Kind = "email"
	KindPhone  Kind = "phone"
	KindIP     Kind = "ip"
	KindIBAN   Kind = "iban"
	KindCard   Kind = "card"
	KindSSN    Kind = "ssn" // of the United States
	KindSecret Kind = "secret"
)

// LabelNationalID is the label of every kind that is a national number.
const LabelNationalID = "national_id"

// Label is the coarse name of a kind, which a signal carries.
func (k Kind) Label() string {
	switch k {
	case KindEmail, KindPhone, KindIP, KindIBAN, KindCard, KindSecret:
		return string(k)
	}
	return LabelNationalID
}

// Finding is one piece of personal data or one secret: bytes [Start, End) of the text.
type Finding struct {
	Kind       Kind
	Start, End int
	Rule       string // of a secret: the rule that found it

	// Impersonal says that the value is nobody's: an address at example.com or of a role (support@), a network that is
	// private or for documentation, a telephone number for stories or free of charge, a card number that payment
	// providers publish for tests.
	Impersonal bool
}

// MaxFindings bounds the findings of one text: those that come first stay.
const MaxFindings = 256

// What a byte can be part of.
const (
	isDigit  = 1 << iota
	isLetter // ASCII
	isMark   // what beside letters and digits holds a token together
)

// minToken is how many bytes a run must have before the rules of secrets look at it: the shortest that any of them takes.
const minToken = 10

var class = func() (t [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		t[c] = isDigit
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = isLetter, isLetter
	}
	for _, c := range "_-+=~" { // not / and .: of a path each name counts by itself, and so does each part of a token
		t[c] = isMark
	}
	return t
}()

// Find finds personal data and secrets in a text, in order and without overlaps. It knows what a standard, a check digit or a
// keyword tells: no names, no places, no dates of birth.
func Find(text string) []Finding { return find(nil, text) }

func find(dst []Finding, s string) []Finding {
	f := finders.Get().(*finder)
	defer func() {
		*f = finder{runs: f.runs[:0]}
		finders.Put(f)
	}()
	f.s, f.out, f.first = s, dst, len(dst)
	f.scan()
	if strings.IndexByte(s, '@') >= 0 {
		f.emails()
	}
	if strings.IndexByte(s, ':') >= 0 {
		f.addresses6()
	}
	f.secrets()
	return f.settled()
}

// finder is the state of one search.
type finder struct {
	s       string
	out     []Finding
	first   int     // of out
	runs    []token // where secrets can be
	skip    int     // digits before it are taken
	numbers int     // groups of digits that were looked at
	parsed  int     // telephone numbers that the library was asked about
	at      number  // the one that is looked at
}

var finders = sync.Pool{New: func() any { return new(finder) }}

// token is a run of bytes [start, end).
type token struct{ start, end int }

// scan is the one pass.
func (f *finder) scan() {
	s := f.s
	start, seen := 0, uint8(0)
	for i := 0; i < len(s); i++ {
		c := class[s[i]]
		if c != 0 {
			seen |= c
			continue
		}
		if seen&isDigit != 0 {
			f.run(start, i, seen)
		} else if i-start >= maxWord {
			f.long(start, i)
		}
		start, seen = i+1, 0
	}
	if seen&isDigit != 0 {
		f.run(start, len(s), seen)
	} else if len(s)-start >= maxWord {
		f.long(start, len(s))
	}
}

// maxWord is the length from which on a run without digits is no word.
const maxWord = 30

func (f *finder) long(start, end int) { f.runs = append(f.runs, token{start, end}) }

// run looks at a run that holds a digit.
func (f *finder) run(start, end int, seen uint8) {
	if seen&isLetter != 0 && end-start >= minToken {
		f.long(start, end)
	}
	for i := start; i < end; {
		if class[f.s[i]]&isDigit == 0 {
			i++
			continue
		}
		if i < f.skip {
			i = f.skip
			continue
		}
		i = f.number(i)
	}
}

// add notes a finding.
func (f *finder) add(k Kind, start, end int) {
	f.out = append(f.out, Finding{Kind: k, Start: start, End: end})
}

// settled orders the findings, and of those that overlap keeps the one of the surer kind, then the longer.
func (f *finder) settled() []Finding {
	found := f.out[f.first:]
	if len(found) < 2 {
		return f.out
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	n := 1
	for _, x := range found[1:] {
		last := &found[n-1]
		if x.Start >= last.End {
			found[n] = x
			n++
			continue
		}
		if better(x, *last) {
			*last = x
		}
	}
	return f.out[:f.first+min(n, MaxFindings)]
}

// better says whether a is rather what stands there than b, which overlaps it.
func better(a, b Finding) bool {
	if a.Kind == KindPhone != (b.Kind == KindPhone) {
		return b.Kind == KindPhone
	}
	return a.End-a.Start > b.End-b.Start
}

// bounded says whether no letter or digit of an alphabet with spaces stands directly before start or at end: where there are
// no spaces (Chinese, Japanese, Thai), a number stands beside its words.
func bounded(s string, start, end int) bool {
	if start > 0 {
		if c, _ := utf8.DecodeLastRuneInString(s[:start]); joins(c) {
			return false
		}
	}
	if end < len(s) {
		if c, _ := utf8.DecodeRuneInString(s[end:]); joins(c) {
			return false
		}
	}
	return true
}

func joins(c rune) bool {
	if c < utf8.RuneSelf {
		return class[c]&(isDigit|isLetter) != 0 || c == '_'
	}
	return c < 0x0E00 && (unicode.IsLetter(c) || unicode.IsDigit(c))
}
