package embed_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

var update = flag.Bool("update", false, "write the golden vectors anew; a change of them is a new version of the kind")

// sketch makes both sketches of one text.
func sketch(s string) (style, topic embed.Vector) {
	var k embed.Sketcher
	k.Sketch(s, &style, &topic)
	return style, topic
}

// show is a vector for reading: dimension:value, ….
func show(v *embed.Vector) string {
	parts := make([]string, len(v.Values))
	for i, x := range v.Values {
		parts[i] = fmt.Sprintf("%d:%d", v.Indices[i], x)
	}
	return strings.Join(parts, " ")
}

// golden texts: what differs between scripts, kinds of words and broken bytes.
var golden = []string{
	"",
	"The shop sells marmalade.",
	"the SHOP sells — marmalade",
	"Der Laden verkauft Getriebe, nicht wahr?",
	"It costs 3.50 in 2024, or 4.75 in 2025.",
	"古代の青銅製の機械です。",
	"機械 works",
	"ร้านขายแยม",
	"가게에서 마멀레이드를 판다",
	"broken \xff\xfe bytes\xc3",
	"- one\n- two\n\n**three**",
}

// TestGolden holds the sketches for ever: stored vectors are compared with new ones. If it fails, the kinds need new versions.
func TestGolden(t *testing.T) {
	t.Parallel()
	type row struct{ Text, Style, Topic string }
	var got []row
	for _, s := range golden {
		style, topic := sketch(s)
		if style.Kind != "style/1" || topic.Kind != "topic/1" {
			t.Fatalf("kinds %q and %q", style.Kind, topic.Kind)
		}
		got = append(got, row{fmt.Sprintf("%+q", s), show(&style), show(&topic)})
	}
	path := filepath.Join("testdata", "sketches.json")
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want []row
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sketches changed (-want +got):\n%s", diff)
	}
}

// TestSketchesSee: what each sketch sees and what it does not.
func TestSketchesSee(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, a, b   string
		style, topic func(cosine float64) bool
	}{
		{"stop words are style alone", "it is a mechanism of bronze", "would you have some mechanism and bronze", below(0.7), above(0.999)},
		{"stop words of German", "das ist ein Getriebe", "Getriebe", below(0.9), above(0.999)},
		{"marks are style alone", "bronze gears", "bronze, gears!\n", below(0.9), above(0.999)},
		{"case is neither", "Bronze Gears", "bronze gears", above(0.999), above(0.999)},
		{"numbers are as good as others", "37 gears in 1901", "42 gears in 2024", above(0.999), above(0.999)},
		{"inflections share a topic", "computer predicted eclipses", "computers predicting eclipse", below(0.1), above(0.5)},
		{"another topic", "bronze gears and eclipses", "stock market prices", below(0.5), below(0.1)},
		{"Japanese particles are style", "機械です", "機械でした", below(0.9), above(0.999)},
		{"Chinese without spaces", "青铜机械很古老", "青铜机械不古老", below(0.99), above(0.5)},
		{"an apostrophe of either kind", "don’t", "don't", below(0.999), func(c float64) bool { return c == 0 }},
	} {
		styleA, topicA := sketch(c.a)
		styleB, topicB := sketch(c.b)
		if got := dot(t, &styleA, &styleB); !c.style(got) {
			t.Errorf("%s: style cosine %.3f", c.name, got)
		}
		if got := dot(t, &topicA, &topicB); !c.topic(got) {
			t.Errorf("%s: topic cosine %.3f", c.name, got)
		}
	}
}

func above(x float64) func(float64) bool { return func(c float64) bool { return c > x } }
func below(x float64) func(float64) bool { return func(c float64) bool { return c < x } }

func dot(t interface{ Fatal(...any) }, a, b *embed.Vector) float64 {
	x, err := embed.Dot(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

var anyText = rapid.Map(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom([]string{
	"the ", "marmalade ", "3.50 ", "機械", "です", "ขาย", "é", "e\u0301", "👩‍👧", "\xff", "\xc3", "don’t ", "\r\n", "- ", "İ", "x",
}), rapid.String())), func(parts []string) string { return strings.Join(parts, "") })

func anySketch(t *rapid.T, name string) embed.Vector {
	style, topic := sketch(anyText.Draw(t, name))
	if rapid.Bool().Draw(t, name+" is style") {
		return style
	}
	topic.Kind = embed.Style // of one kind, so that they may be added up
	return topic
}

// TestSketchProperties: well formed, of length 1 or 0, and the same whatever the sketcher did before.
func TestSketchProperties(t *testing.T) {
	t.Parallel()
	var used embed.Sketcher
	var style, topic embed.Vector
	rapid.Check(t, func(t *rapid.T) {
		s := anyText.Draw(t, "text")
		used.Sketch(s, &style, &topic)
		freshStyle, freshTopic := sketch(s)
		if diff := cmp.Diff([]embed.Vector{freshStyle, freshTopic}, []embed.Vector{style, topic}, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("a used sketcher differs from a new one (-new +used):\n%s", diff)
		}
		for _, v := range []embed.Vector{style, topic} {
			if err := v.Check(); err != nil {
				t.Fatal(err)
			}
			for i, x := range v.Values {
				if x == 0 || int(v.Indices[i]) >= embed.Dimensions {
					t.Fatalf("value %d in dimension %d", x, v.Indices[i])
				}
			}
			if n := dot(t, &v, &v); len(v.Values) > 0 && math.Abs(n-1) > 2e-3 {
				t.Fatalf("length² %v of %d dimensions", n, len(v.Values))
			}
		}
	})
}

// TestSketchOfHostileTexts: a megabyte of anything is done like a megabyte of words.
func TestSketchOfHostileTexts(t *testing.T) {
	t.Parallel()
	var k embed.Sketcher
	var style, topic embed.Vector
	for name, s := range map[string]string{
		"one letter":        strings.Repeat("a", 1<<20),
		"many short words":  strings.Repeat("b c ", 1<<18),
		"one character":     strings.Repeat("機", 1<<18),
		"scripts that turn": strings.Repeat("a機", 1<<18),
		"marks":             strings.Repeat("!", 1<<20),
	} {
		k.Sketch(s, &style, &topic)
		if len(style.Values) == 0 || len(style.Values) > 8 {
			t.Errorf("%s: %d dimensions", name, len(style.Values))
		}
	}
	k.Sketch(strings.Repeat("\xff", 1<<20), &style, &topic)
	if len(style.Values)+len(topic.Values) != 0 {
		t.Errorf("invalid bytes have %d and %d dimensions", len(style.Values), len(topic.Values))
	}
}

func FuzzSketch(f *testing.F) {
	for _, s := range golden {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		style, topic := sketch(s)
		if err := style.Check(); err != nil {
			t.Error(err)
		}
		if err := topic.Check(); err != nil {
			t.Error(err)
		}
	})
}
