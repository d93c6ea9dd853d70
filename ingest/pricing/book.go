// Package pricing says what a model call cost: exact decimals from a dated price book.
//
// A Book is data: prices by provider, model, day and tier, read from a file of ours, from LiteLLM's
// public file or from your own, one laid over the other. A Pricer looks calls up in it. What the book
// does not know is unknown with a reason, never zero; what cannot be computed exactly is unknown, too.
// The same call and the same book give the same amount, so history is priced again by calling again.
//
// All prices are US dollars. It knows canonical usage (genai.Usage: input includes what a cache read
// and wrote, output includes reasoning). It does not know attribute keys, traces, or where costs are stored.
package pricing

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Currency is that of every price (ISO 4217). Vendors bill in it; other currencies are not converted.
const Currency = "USD"

// Entry is what one model costs from one day on.
type Entry struct {
	Provider string    // genai.Span.Provider's spelling: "openai", "aws.bedrock"
	Model    string    // the vendor's id, or a beginning of it and "*"
	From     time.Time // first day, UTC; zero: always
	Source   string    // where the prices were read
	Checked  string    // the day on which they were, YYYY-MM-DD
	Book     string    // the name of the book that holds the entry

	aliases []string
	base    Rates
	above   []threshold // rising
}

// threshold is a context length from which on a whole call costs other prices.
type threshold struct {
	tokens int64 // input tokens, caches included; the prices hold above that
	rates  Rates
}

// Rates are the prices of a call with that many input tokens, what caches read and wrote included.
func (e *Entry) Rates(inputTokens int64) *Rates {
	r := &e.base
	for i := range e.above {
		if inputTokens > e.above[i].tokens {
			r = &e.above[i].rates
		}
	}
	return r
}

// line is one model's entries, the oldest first.
type line []*Entry

// at is the entry in force; nil when the first one came later. A zero time means now.
func (l line) at(t time.Time) *Entry {
	if t.IsZero() {
		return l[len(l)-1]
	}
	for _, e := range slices.Backward(l) {
		if !e.From.After(t) {
			return e
		}
	}
	return nil
}

type key struct{ provider, model string }

// layer is one file's prices.
type layer struct {
	name      string
	ids       map[key]line
	aliases   map[key]line
	patterns  []pattern // longest beginning first
	providers map[string]bool
}

type pattern struct {
	key
	line line
}

// Book holds prices. It never changes, so it is safe for concurrent use. The zero Book knows nothing.
type Book struct{ layers []*layer }

// Name names the files that the book was read from, the first to be asked first.
func (b *Book) Name() string {
	names := make([]string, len(b.layers))
	for i, l := range b.layers {
		names[i] = l.name
	}
	return strings.Join(names, " over ")
}

// Over lays b over other: other is asked for what b has no price for.
func (b *Book) Over(other *Book) *Book {
	return &Book{layers: slices.Concat(b.layers, other.layers)}
}

// Entries is every entry, b's own before those that it lies over, each file by provider, model and day.
func (b *Book) Entries() []*Entry {
	var all []*Entry
	for _, l := range b.layers {
		from := len(all)
		for _, entries := range l.ids {
			all = append(all, entries...)
		}
		for _, p := range l.patterns {
			all = append(all, p.line...)
		}
		slices.SortFunc(all[from:], func(x, y *Entry) int {
			return cmp.Or(cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Model, y.Model), x.From.Compare(y.From))
		})
	}
	return all
}

// newBook makes a book of one file. Of two entries for one model and day the later one holds.
func newBook(name string, entries []*Entry) *Book {
	l := &layer{name: name, ids: map[key]line{}, aliases: map[key]line{}, providers: map[string]bool{}}
	lines := map[key]line{}
	for _, e := range entries {
		e.Book = name
		l.providers[e.Provider] = true
		k := key{e.Provider, strings.ToLower(e.Model)}
		lines[k] = lines[k].with(e)
	}
	for k, entries := range lines {
		if start, ok := strings.CutSuffix(k.model, "*"); ok {
			l.patterns = append(l.patterns, pattern{key{k.provider, start}, entries})
			continue
		}
		l.ids[k] = entries
	}
	slices.SortFunc(l.patterns, func(x, y pattern) int {
		return cmp.Or(cmp.Compare(len(y.model), len(x.model)), cmp.Compare(x.model, y.model), cmp.Compare(x.provider, y.provider))
	})
	for _, e := range entries { // in the file's order: of two models with one alias the first has it
		for _, a := range e.aliases {
			k := key{e.Provider, strings.ToLower(a)}
			if _, taken := l.aliases[k]; !taken {
				l.aliases[k] = lines[key{e.Provider, strings.ToLower(e.Model)}]
			}
		}
	}
	return &Book{layers: []*layer{l}}
}

// with puts e into its place by day; an entry of the same day is replaced.
func (l line) with(e *Entry) line {
	i, found := slices.BinarySearchFunc(l, e, func(x, y *Entry) int { return x.From.Compare(y.From) })
	if found {
		l[i] = e
		return l
	}
	return slices.Insert(l, i, e)
}
