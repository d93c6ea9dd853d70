package align

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// compared compares an answer with sources.
func compared(answer, question string, sources ...string) *Aligner {
	a := New(nil)
	for _, s := range sources {
		a.AddSource(s)
	}
	if question != "" {
		a.AddQuestion(question)
	}
	a.Index()
	a.Compare(answer)
	return a
}

const report = "passage 1: Northwind sold 1,240 boats in 2021 and 1,488 boats in 2022. Its yards employ 3.2 thousand people.\n" +
	"passage 2: Ada Brandt founded Northwind in Kiel. Kiel Marine acquired Baltic Sails in 2019. Revenue increased to €45.6 million. " +
	"The company does not build trawlers. Prices are listed at https://www.northwind.example/prices today."

func TestFindings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer, question string
		want                   Kind
		at                     string
	}{
		{"copied", "Northwind sold 1,240 boats in 2021.", "", None, ""},
		{"a number written otherwise", "Northwind sold 1240 boats in 2021.", "", None, ""},
		{"rounded", "Revenue increased to €46 million.", "", None, ""},
		{"with its scale", "Its yards employ 3,200 people.", "", None, ""},
		{"another scale", "Revenue increased to €45.6 billion.", "", NewNumber, "45.6"},
		{"another number", "Northwind sold 1,310 boats in 2021.", "", NewNumber, "1,310"},
		{"a difference", "Northwind sold 248 boats more in 2022 than in 2021.", "", None, ""},
		{"a sum", "Northwind sold 2,728 boats in 2021 and 2022.", "", None, ""},
		{"a change in percent", "Northwind sold 20% more boats in 2022 than in 2021.", "", None, ""},
		{"an average", "Northwind sold 1,364 boats on average in 2021 and 2022.", "", None, ""},
		{"no step gives it", "Northwind sold 37.7% more boats in 2022 than in 2021.", "", NewNumber, "37.7%"},
		{"of the question", "You asked for 1999 boats.", "Did Northwind sell 1999 boats?", None, ""},
		{"a name", "Brandt founded Northwind with Henrik in Kiel.", "", NewName, "Henrik"},
		{"negation put in", "Kiel Marine has not acquired Baltic Sails in 2019.", "", Negated, "Kiel Marine has not acquired Baltic Sails in 2019."},
		{"negation left out", "The company does build trawlers.", "", Negated, "The company does build trawlers."},
		{"opposite", "Revenue decreased to €45.6 million.", "", Opposite, "decreased"},
		{"roles", "Baltic Sails acquired Kiel Marine in 2019.", "", Roles, "Baltic Sails acquired Kiel Marine in 2019."},
		{"roles in the passive", "Baltic Sails was acquired by Kiel Marine in 2019.", "", None, ""},
		{"an address", "See https://www.northwind.example/prices for prices.", "", None, ""},
		{"another address", "See https://northwind.example/rabatt for prices.", "", NewURL, "https://northwind.example/rabatt"},
		{"a passage that is there", "Ada Brandt founded Northwind in Kiel (passage 2).", "", None, ""},
		{"a passage that is not", "Ada Brandt founded Northwind in Kiel (passage 7).", "", NewCitation, "7"},
		{"another passage", "Ada Brandt founded Northwind in Kiel (passage 1).", "", OtherPassage, "Ada Brandt founded Northwind in Kiel (passage 1)."},
		{"silence that is none", "The passages do not mention this.", "Who founded Northwind in Kiel?", Denied, "The passages do not mention this."},
		{"silence", "The passages do not mention this.", "Which bank lends to shipyards?", None, ""},
		{"list numbers are none", "1. Northwind sold 1,240 boats in 2021.\n2. Ada Brandt founded Northwind in Kiel.", "", None, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := compared(c.answer, c.question, report)
			got := a.Sentences[0].Finding
			quote := ""
			if got.Kind != None {
				quote = c.answer[got.Place.Start:got.Place.End]
			}
			if got.Kind != c.want || quote != c.at {
				t.Errorf("%q: found %v at %q, want %v at %q", c.answer, got.Kind, quote, c.want, c.at)
			}
		})
	}
}

func TestTheNearestPassageIsNamed(t *testing.T) {
	t.Parallel()
	a := compared("Baltic Sails belongs to Kiel Marine since 2019.", "", "Nothing of it.", report)
	b := a.Sentences[0].Best
	if b.Text != 1 || !strings.HasPrefix(report[b.Start:b.End], "Kiel Marine acquired") {
		t.Errorf("nearest is text %d, %q", b.Text, report[b.Start:b.End])
	}
}

func TestConversions(t *testing.T) {
	t.Parallel()
	a := compared("Heat the oven to 400°F (204°C).", "", "Heat the oven to 400 degrees F.")
	if k := a.Sentences[0].Finding.Kind; k != None {
		t.Errorf("the same temperature in another unit is %v", k)
	}
	a = compared("Heat the oven to 400°F (260°C).", "", "Heat the oven to 400 degrees F.")
	if k := a.Sentences[0].Finding.Kind; k != NewNumber {
		t.Errorf("another temperature is %v", k)
	}
}

func TestStem(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"boat boats", "city cities", "bake baked baking bakes", "stop stopped stopping", "quick quickly", "inform informed"} {
		list := strings.Fields(words)
		for _, w := range list[1:] {
			if a, b := string(stem([]byte(list[0]))), string(stem([]byte(w))); a != b {
				t.Errorf("%s is %q, %s is %q", list[0], a, w, b)
			}
		}
	}
	for _, pair := range [][2]string{{"new", "news"}, {"universe", "university"}} {
		if a := string(stem([]byte(pair[0]))); a == "" {
			t.Errorf("%s has no stem", pair[0])
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		value   float64
		ulp     float64
		percent bool
		end     int
	}{
		{"1,240 boats", 1240, 1, false, 5},
		{"1,24 boats", 1, 1, false, 1},
		{"3.50", 3.5, 0.01, false, 4},
		{"12%", 12, 1, true, 3},
		{"2021.", 2021, 1, false, 4},
		{"007", 7, 1, false, 3},
	} {
		n, end := scan(c.text, 0)
		if n.value != c.value || n.ulp-c.ulp > 1e-12 || c.ulp-n.ulp > 1e-12 || n.percent != c.percent || end != c.end {
			t.Errorf("%q: %v to ±%v, percent %v, ends at %d", c.text, n.value, n.ulp, n.percent, end)
		}
	}
	n, _ := scan(strings.Repeat("9", 10_000), 0)
	if n.digits != maxDigits {
		t.Errorf("a long number has %d digits", n.digits)
	}
}

// Whatever the texts, places lie within them, and the figures are finite.
func TestPlacesLieWithin(t *testing.T) {
	t.Parallel()
	piece := rapid.OneOf(rapid.SampledFrom([]string{
		"passage 2:", "[3]", "1. ", "12.5%", "$3 million", "not", "never", "Ada Brandt", "acquired", "by", "www.a.example/b", "https://x.y", "increase", "decrease", "\r\n", ". ",
		", ", "“", "”", "é", "東京。", "🙂", "\xff", "\xe2\x80", "passages do not mention", "half", "hundred", "7", "14", "21",
	}), rapid.StringN(0, 5, 20))
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), rapid.SampledFrom([]string{" ", ""}).Draw(t, "between"))
	})
	a := New(nil)
	rapid.Check(t, func(t *rapid.T) {
		sources := rapid.SliceOfN(text, 0, 3).Draw(t, "sources")
		answers := rapid.SliceOfN(text, 1, 3).Draw(t, "answers")
		a.Reset()
		for _, s := range sources {
			a.AddSource(s)
		}
		a.AddQuestion(text.Draw(t, "question"))
		a.Index()
		a.Compare(answers...)
		for i := range a.Sentences {
			s := &a.Sentences[i]
			within(t, s.Place, answers)
			if s.Best.Text >= 0 {
				within(t, s.Best, sources)
			}
			if s.Finding.Kind != None {
				within(t, s.Finding.Place, answers)
				if s.Finding.Other.Text >= 0 {
					within(t, s.Finding.Other, sources)
				}
			}
			for k, v := range s.Features {
				if v != v || v > 1e6 || v < -1e6 {
					t.Fatalf("figure %d is %v", k, v)
				}
			}
		}
	})
}

func within(t *rapid.T, p Place, texts []string) {
	s := texts[p.Text]
	if p.Start < 0 || p.Start >= p.End || p.End > len(s) {
		t.Fatalf("[%d, %d) of %d bytes", p.Start, p.End, len(s))
	}
	if utf8.ValidString(s) && !utf8.ValidString(s[p.Start:p.End]) {
		t.Fatalf("%q is cut within a character", s[p.Start:p.End])
	}
}

// Half a megabyte of what costs a careless comparison the square of it. Without one of the bounds this test takes minutes.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	for name, piece := range map[string]string{
		"citations":     "passage 1: [2] [3] passage 4 ",
		"lines":         "passage 7: x\n",
		"numbers":       "17 3.5 12% 1,204 ",
		"new numbers":   "9.0731 8.1173 7.3391 ",
		"opposites":     "increase decrease Ada Kiel ",
		"one word":      "never ",
		"names":         "Ada Brandt bought Kiel Marine ",
		"addresses":     "https://a.example/b?c=d ",
		"no space":      "x",
		"broken":        "\xff\xc3 ",
		"short phrases": "a. b. c. ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := strings.Repeat(piece, (1<<19)/len(piece))
			other := strings.ReplaceAll(strings.ReplaceAll(s, "9.0731", "9.0732"), "decrease", "increase")
			a := compared(other, s[:1<<10], s)
			if len(a.Sentences) == 0 && piece != "\xff\xc3 " {
				t.Error("no sentences")
			}
		})
	}
}
