package text_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/text"
)

func sentences(s string) (list []string) {
	for _, r := range text.Sentences(nil, s) {
		list = append(list, r.Of(s))
	}
	return list
}

func words(s string) (list []string) {
	text.Words(s, nil, func(w []byte, _ text.Range) bool {
		list = append(list, string(w))
		return true
	})
	return list
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \r\n ", nil},
		{"One. Two! Three?", []string{"One.", "Two!", "Three?"}},
		{"It costs 3.50 today. Dr. Smith paid.", []string{"It costs 3.50 today.", "Dr. Smith paid."}},
		{"See e.g. the book. J. K. Rowling wrote it.", []string{"See e.g. the book.", "J. K. Rowling wrote it."}},
		{"1. Stir the pot.\r\n2. Wait.", []string{"1. Stir the pot.", "2. Wait."}},
		{"He said \"No.\" Then he left.", []string{"He said \"No.\"", "Then he left."}},
		{"Read tiltmeter.yaml or example.com/a. Done", []string{"Read tiltmeter.yaml or example.com/a.", "Done"}},
		{"没有。真的吗？是！", []string{"没有。", "真的吗？", "是！"}},
		{"لا أعرف؟ نعم.", []string{"لا أعرف؟", "نعم."}},
		{"Wait… what?! Yes.", []string{"Wait…", "what?!", "Yes."}},
		{"broken \xff. byte", []string{"broken \xff.", "byte"}},
	} {
		if diff := cmp.Diff(c.want, sentences(c.in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}

func TestSentencesAreBounded(t *testing.T) {
	t.Parallel()
	s := strings.Repeat("No. ", 100_000)
	list := text.Sentences(nil, s)
	if len(list) != text.MaxSentences || list[len(list)-1].End != len(s)-1 {
		t.Errorf("%d sentences, the last ends at %d of %d", len(list), list[len(list)-1].End, len(s))
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"I can’t — won't! well-known", []string{"i", "can't", "won't", "well-known"}},
		{"'quoted' -dash-", []string{"quoted", "dash"}},
		{"ÉCOLE straße naïve", []string{"école", "straße", "naïve"}},
		{"3.5 km, 12:30", []string{"3", "5", "km", "12", "30"}},
		{"a\xffb", []string{"a", "b"}},
	} {
		if diff := cmp.Diff(c.want, words(c.in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
	}
}

var anyText = rapid.Map(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom([]string{
	"a", "B.", ". ", "! ", "\r\n", "’", "-", "é", "e\u0301", "我。", "👩‍👧", "\xff", "\xc3", "Mr. ", "1. ", "\"", "\u2028", " ",
}), rapid.String())), func(parts []string) string { return strings.Join(parts, "") })

// TestSentencesPart: sentences lie in order, at the borders of characters, and between them is nothing but space.
func TestSentencesPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyText.Draw(t, "text")
		last := 0
		for _, r := range text.Sentences(nil, s) {
			if r.Start < last || r.End <= r.Start || r.End > len(s) {
				t.Fatalf("sentence %v after %d of %d bytes", r, last, len(s))
			}
			if strings.TrimFunc(s[last:r.Start], unicode.IsSpace) != "" {
				t.Fatalf("%q between sentences", s[last:r.Start])
			}
			if utf8.ValidString(s) && (!utf8.ValidString(r.Of(s)) || strings.TrimSpace(r.Of(s)) != r.Of(s)) {
				t.Fatalf("sentence %q", r.Of(s))
			}
			last = r.End
		}
		if strings.TrimFunc(s[last:], unicode.IsSpace) != "" {
			t.Fatalf("%q after the last sentence", s[last:])
		}
	})
}

// TestWordsPart: no letter and no digit is left out.
func TestWordsPart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := anyText.Draw(t, "text")
		last := 0
		text.Words(s, nil, func(_ []byte, r text.Range) bool {
			if r.Start < last || r.End <= r.Start || r.End > len(s) || strings.ContainsFunc(s[last:r.Start], unicode.IsLetter) {
				t.Fatalf("word %v after %d: %q", r, last, s)
			}
			last = r.End
			return true
		})
		if strings.ContainsFunc(s[last:], func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }) {
			t.Fatalf("%q after the last word", s[last:])
		}
	})
}

func BenchmarkSentences(b *testing.B) {
	s := strings.Repeat("The marmalade costs 3.50 in the shop of Mrs. Jones. Nobody buys it, not even on Sundays! ", 17)
	var dst []text.Range
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		dst = text.Sentences(dst[:0], s)
	}
}

func BenchmarkWords(b *testing.B) {
	s := strings.Repeat("The marmalade costs 3.50 in the shop of Mrs. Jones. Nobody buys it, not even on Sundays! ", 17)
	var buf []byte
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		buf = text.Words(s, buf, func([]byte, text.Range) bool { return true })
	}
}
