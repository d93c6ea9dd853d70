package content_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/store/content"
)

type nodes map[content.Hash][]content.Hash

func (n nodes) put(h content.Hash, children []content.Hash) {
	n[h] = append([]content.Hash(nil), children...)
}

func (n nodes) fetch(want []content.Hash) ([][]content.Hash, error) {
	out := make([][]content.Hash, len(want))
	for i, h := range want {
		out[i] = n[h]
	}
	return out, nil
}

func members(n int) []content.Hash {
	list := make([]content.Hash, n)
	for i := range list {
		list[i] = content.OfString(strconv.Itoa(i))
	}
	return list
}

func TestListsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.IntRange(1, 500).Draw(t, "alphabet")
		var list []content.Hash
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, alphabet-1), 0, 1000).Draw(t, "members") {
			list = append(list, content.OfString(strconv.Itoa(n)))
		}
		store := nodes{}
		var lb content.ListBuilder
		l := lb.Build(list, store.put)
		if len(l.Refs) > content.MaxInline {
			t.Fatalf("%d refs inline", len(l.Refs))
		}
		got, err := content.Expand(l, store.fetch)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, append([]content.Hash(nil), got...)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A history that grows by one message costs a few nodes a step, not its length.
func TestAGrowingListSharesItsNodes(t *testing.T) {
	t.Parallel()
	const steps = 2000
	all, store := members(steps), nodes{}
	var lb content.ListBuilder
	for n := 1; n <= steps; n++ {
		lb.Build(all[:n], store.put)
	}
	refs := 0
	for _, children := range store {
		refs += len(children)
	}
	if perStep := float64(refs) / steps; perStep > 40 {
		t.Errorf("%.1f refs a step, want at most 40", perStep)
	}
	// A list without its first members shares its end.
	before := len(store)
	lb.Build(all[500:], store.put)
	if added := len(store) - before; added > 40 {
		t.Errorf("%d new nodes for a suffix of %d members", added, steps-500)
	}
}

func TestABrokenListIsRefused(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]content.List{
		"negative level": {Level: -1}, "too high": {Level: 100}, "huge": {Count: 1 << 30},
		"missing nodes": {Level: 1, Count: 3, Refs: members(2)}, "count": {Count: 3, Refs: members(2)},
	} {
		if _, err := content.Expand(l, nodes{}.fetch); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSplitTextAtElements(t *testing.T) {
	t.Parallel()
	a, b := `{"a":"`+strings.Repeat("x", 80)+`]\",["}`, `["`+strings.Repeat("y", 80)+`"]`
	for text, want := range map[string]content.Split{
		"[" + a + "," + b + "]":               {Array: true, Sep: ",", Pieces: []string{a, b}},
		"[" + a + ",  " + b + ",  " + a + "]": {Array: true, Sep: ",  ", Pieces: []string{a, b, a}},
		"[" + a + "]":                         {Array: true, Pieces: []string{a}},
		"[" + a + ", " + a + "," + a + "]":    {Pieces: []string{"[" + a + ", " + a + "," + a + "]"}},
		"[1,2,3]":                             {Pieces: []string{"[1,2,3]"}},
		"[" + a:                               {Pieces: []string{"[" + a}},
		"[" + a + "] ":                        {Pieces: []string{"[" + a + "] "}},
		"":                                    {},
	} {
		got := content.SplitText(text, nil)
		if want.Array && cmp.Diff(want, got) != "" || got.Array != want.Array || string(got.Append(nil)) != text {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// One edit in the middle of a long text leaves all but a few of its pieces as they were.
func TestChunksSurviveAnEdit(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 200_000)
	for i := range text {
		text[i] = byte('a' + r.IntN(26))
	}
	first := content.SplitText(string(text), nil)
	edited := string(text[:90_000]) + "an edit" + string(text[90_000:])
	seen := map[string]bool{}
	for _, p := range first.Pieces {
		seen[p] = true
	}
	fresh := 0
	for _, p := range content.SplitText(edited, nil).Pieces {
		if !seen[p] {
			fresh += len(p)
		}
	}
	if mean := len(text) / len(first.Pieces); fresh > 20_000 || mean < 700 || mean > 3000 {
		t.Errorf("%d bytes of new pieces, %d bytes a piece", fresh, mean)
	}
}

func FuzzSplitText(f *testing.F) {
	f.Add(`[{"role":"user"}, {"role":"assistant"}]`)
	f.Add(strings.Repeat(`["a\\",`, 200))
	f.Fuzz(func(t *testing.T, s string) {
		split := content.SplitText(s, nil)
		if got := string(split.Append(nil)); got != s || split.Len() != len(s) {
			t.Fatalf("rebuilt %q as %q", s, got)
		}
	})
}

// shelf keeps what was cut and names it by its number.
type shelf []string

func (s *shelf) put(v string) []byte {
	*s = append(*s, strings.Clone(v))
	return protowire.AppendVarint(nil, uint64(len(*s)-1))
}

func (s *shelf) get(dst, ref []byte) ([]byte, error) {
	n, size := protowire.ConsumeVarint(ref)
	if size < 0 || n >= uint64(len(*s)) {
		return dst, content.ErrBroken
	}
	return append(dst, (*s)[n]...), nil
}

func sub(num protowire.Number, b []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func attribute(key string, value []byte) []byte {
	return sub(9, cat(sub(1, []byte(key)), sub(2, value)))
}

func TestCutAndRestore(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat("long ", 200))
	text, blob := sub(1, long), sub(7, long)
	nested := sub(6, sub(1, cat(sub(1, []byte("k")), sub(2, sub(5, sub(1, text))))))
	for name, c := range map[string]struct {
		msg  []byte
		cuts int
	}{
		"short":          {attribute("k", sub(1, []byte("v"))), 0},
		"string":         {attribute("k", text), 1},
		"bytes":          {attribute("k", blob), 1},
		"nested":         {cat(attribute("k", nested), attribute("l", text)), 2},
		"event":          {sub(11, sub(3, cat(sub(1, []byte("k")), sub(2, text)))), 1},
		"link":           {sub(13, sub(4, cat(sub(1, []byte("k")), sub(2, text)))), 1},
		"unknown":        {cat(sub(77, long), protowire.AppendVarint(protowire.AppendTag(nil, 10, protowire.VarintType), 3)), 0},
		"private number": {attribute("k", cat(text, sub(100, []byte("x")))), -1},
		"small private":  {attribute("k", sub(101, []byte("x"))), -1},
		"malformed":      {append(attribute("k", text), 0xff), -1},
		"empty":          {nil, 0},
	} {
		var s shelf
		out := content.Cut(nil, c.msg, content.SpanShape, 0, s.put)
		if (c.cuts >= 0) != content.HasRefs(out) || c.cuts >= 0 && len(s) != c.cuts {
			t.Errorf("%s: cut %d values, want %d", name, len(s), c.cuts)
		}
		got, err := content.Restore(nil, out, content.SpanShape, s.get)
		if err != nil || !bytes.Equal(got, c.msg) {
			t.Errorf("%s: got %x, %v, want %x", name, got, err, c.msg)
		}
	}
}

func FuzzCut(f *testing.F) {
	long := []byte(strings.Repeat("long ", 200))
	f.Add(attribute("k", sub(1, long)), uint64(0))
	f.Add(cat(attribute("k", sub(5, sub(1, sub(7, long)))), sub(5, []byte("name"))), uint64(32))
	f.Fuzz(func(t *testing.T, msg []byte, skip uint64) {
		var s shelf
		out := content.Cut(nil, msg, content.SpanShape, content.Fields(skip&^(1<<9)), s.put)
		got, err := content.Restore(nil, out, content.SpanShape, s.get)
		if err != nil {
			t.Fatal(err)
		}
		if skip == 0 && !bytes.Equal(got, msg) {
			t.Fatalf("got %x, want %x", got, msg)
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte{1, 0x4a, 1, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = content.Restore(nil, b, content.SpanShape, func(dst, _ []byte) ([]byte, error) { return dst, nil })
	})
}

func BenchmarkOf(b *testing.B) {
	text := []byte(strings.Repeat("x", 1400))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		content.Of(text)
	}
}

func BenchmarkSplitText(b *testing.B) {
	var list []string
	for i := range 20 {
		list = append(list, fmt.Sprintf("message %d %s", i, strings.Repeat("words of it ", 100)))
	}
	array, _ := json.Marshal(list)
	for name, text := range map[string]string{"array": string(array), "text": string(array[1:])} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var dst []string
			for b.Loop() {
				dst = content.SplitText(text, dst).Pieces
			}
		})
	}
}
