package embed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tiltmeter/tiltmeter/analyzers/embed"
)

// tinyTokenizer has the shape of a BERT's; the number of a token is its row.
const tinyTokenizer = `{"version": "1.0", "truncation": null, "padding": null,
"normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
"pre_tokenizer": {"type": "BertPreTokenizer"},
"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 12,
"vocab": {"[PAD]": 0, "[UNK]": 1, "gear": 2, "##s": 3, "!": 4, "機": 5, "cafe": 6, "ge": 7, "##ared": 8, "##ear": 9}}}`

// tinyRows are the vectors of its tokens.
var tinyRows = [][]float64{{9, 9}, {8, 8}, {1, 0}, {0, 1}, {-1, 0}, {0, -2}, {2, 2}, {4, 0}, {0, 4}, {7, 7}}

// file is a tensor for writing.
type file struct {
	name, kind string
	shape      []int
	values     []float64
}

// safetensors writes a file of tensors.
func safetensors(t *testing.T, list ...file) []byte {
	t.Helper()
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	var data []byte
	for _, f := range list {
		begin := len(data)
		for _, x := range f.values {
			switch f.kind {
			case "F64":
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
			case "F32":
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(x)))
			case "BF16":
				data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(float32(x))>>16))
			case "F16":
				data = binary.LittleEndian.AppendUint16(data, halves[x])
			case "I64":
				data = binary.LittleEndian.AppendUint64(data, uint64(int64(x)))
			case "I32":
				data = binary.LittleEndian.AppendUint32(data, uint32(int32(x)))
			case "I8":
				data = append(data, byte(int8(x)))
			}
		}
		header[f.name] = map[string]any{"dtype": f.kind, "shape": f.shape, "data_offsets": []int{begin, len(data)}}
	}
	h, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), data...)
}

// halves are numbers of 16 bits, from the table of IEEE 754.
var halves = map[float64]uint16{
	0: 0, 1: 0x3c00, -1: 0xbc00, 2: 0x4000, -2: 0xc000, 4: 0x4400, 7: 0x4700, 8: 0x4800, 9: 0x4880, 0.5: 0x3800,
	0x1p-24: 0x0001, 0x1p-14: 0x0400, 65504: 0x7bff,
}

func embeddings(kind string, rows [][]float64) file {
	f := file{"embeddings", kind, []int{len(rows), len(rows[0])}, nil}
	for _, r := range rows {
		f.values = append(f.values, r...)
	}
	return f
}

// folder writes a model.
func folder(t *testing.T, tokenizer, config string, model []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"tokenizer.json": []byte(tokenizer), "config.json": []byte(config), "model.safetensors": model} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) *embed.Static {
	t.Helper()
	s, err := embed.OpenStatic(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStatic: the mean of the known tokens' vectors, by hand.
func TestStatic(t *testing.T) {
	t.Parallel()
	texts := []struct {
		text string
		want []float32
	}{
		{"", []float32{0, 0}},
		{"wrench", []float32{0, 0}}, // unknown
		{"gear", []float32{1, 0}},
		{"GEARS", []float32{0.5, 0.5}},                              // gear ##s
		{"gears!", []float32{0, float32(1) / 3}},                    // marks stand alone
		{"geared", []float32{0, 0}},                                 // "gear" is the longest that begins it, and nothing continues it: ge ##ared is not tried
		{"Café\u0301", []float32{2, 2}},                             // accents go
		{"機gear機", []float32{float32(1) / 3, float32(-4) / 3}},      // Chinese characters stand alone
		{"ge\u200bar", []float32{1, 0}},                             // format characters go
		{"gear wrench", []float32{1, 0}},                            // unknown words do not count
		{"gear gearsgearsgearsgears", []float32{1, 0}},              // too long a word is unknown
		{"gear\xff\tgear", []float32{1, 0}},                         // invalid bytes go
		{"[UNK] gear", []float32{1, 0}},                             // brackets are unknown marks, "unk" an unknown word
		{strings.Repeat("! ", 512) + "機", []float32{-1, 0}},         // no more than 512 tokens
		{strings.Repeat("wrench ", 5000) + "gear", []float32{0, 0}}, // nor ever so many words
	}
	for _, kind := range []string{"F32", "F16", "BF16", "F64", "I8"} {
		s := open(t, folder(t, tinyTokenizer, `{"normalize": false}`, safetensors(t, embeddings(kind, tinyRows))))
		if s.Dimensions() != 2 || !strings.HasPrefix(string(s.Kind()), "static:tiny@") || !strings.HasSuffix(string(s.Kind()), "/2") {
			t.Errorf("%s: kind %q, %d dimensions", kind, s.Kind(), s.Dimensions())
		}
		for _, c := range texts {
			got, err := s.Embed(t.Context(), []string{c.text})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got[0], cmpopts.EquateApprox(0, 1e-6)); diff != "" {
				t.Errorf("%s: %.40q (-want +got):\n%s", kind, c.text, diff)
			}
		}
	}
}

// TestStaticOptions: normalised; with the weights of tokens and rows that tokens share.
func TestStaticOptions(t *testing.T) {
	t.Parallel()
	embed1 := func(s *embed.Static, text string) []float32 {
		v, err := s.Embed(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		return v[0]
	}
	normalized := open(t, folder(t, tinyTokenizer, `{"normalize": true}`, safetensors(t, embeddings("F32", tinyRows))))
	for text, want := range map[string][]float32{"cafe": {math.Sqrt2 / 2, math.Sqrt2 / 2}, "wrench": {0, 0}} {
		if diff := cmp.Diff(want, embed1(normalized, text), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("normalized %q (-want +got):\n%s", text, diff)
		}
	}
	weights := file{"weights", "F64", []int{10}, []float64{1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1}}
	mapping := file{"mapping", "I64", []int{10}, []float64{0, 0, 1, 2, 0, 0, 0, 0, 0, 0}}
	shared := open(t, folder(t, tinyTokenizer, `{}`, safetensors(t, embeddings("F32", [][]float64{{5, 5}, {1, 0}, {0, 8}}), weights, mapping)))
	if diff := cmp.Diff([]float32{0.5, 2}, embed1(shared, "gears")); diff != "" {
		t.Errorf("weights and mapping (-want +got):\n%s", diff)
	}
	if normalized.Kind() == shared.Kind() {
		t.Errorf("two models are both %q", shared.Kind())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := shared.Embed(gone, []string{"gear"}); err == nil {
		t.Error("embedded although the caller is gone")
	}
}

// TestStaticRefuses: what is not supported or not true is named.
func TestStaticRefuses(t *testing.T) {
	t.Parallel()
	good := safetensors(t, embeddings("F32", tinyRows))
	rows := func(f file) []byte { return safetensors(t, f) }
	with := func(extra file) []byte { return safetensors(t, embeddings("F32", tinyRows), extra) }
	tokenizer := func(old, replacement string) string { return strings.Replace(tinyTokenizer, old, replacement, 1) }
	header := func(s string) []byte { return append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...) }
	for name, c := range map[string]struct {
		tokenizer string
		model     []byte
		want      string
	}{
		"Unigram":           {`{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"Unigram","vocab":[["a",0]]}}`, good, `"Unigram" is not supported`},
		"BPE":               {tokenizer("WordPiece", "BPE"), good, `"BPE" is not supported`},
		"other normalizer":  {tokenizer("BertNormalizer", "Precompiled"), good, `normalizer "Precompiled"`},
		"other words":       {tokenizer("BertPreTokenizer", "Metaspace"), good, `pre-tokenizer "Metaspace"`},
		"no prefix":         {tokenizer(`"##",`, `"",`), good, "continuing_subword_prefix"},
		"negative token":    {tokenizer(`"gear": 2`, `"gear": -2`), good, "-2"},
		"huge token":        {tokenizer(`"gear": 2`, `"gear": 2000000`), good, "2000000"},
		"no vocabulary":     {`{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","vocab":{}}}`, good, "0 tokens"},
		"no JSON":           {`{`, good, "tokenizer.json"},
		"no tensor":         {tinyTokenizer, rows(file{"weights", "F32", []int{1}, []float64{1}}), "not in the file"},
		"type":              {tinyTokenizer, rows(file{"embeddings", "U8", []int{0}, nil}), `"U8"`},
		"rank":              {tinyTokenizer, rows(file{"embeddings", "F32", []int{20}, make([]float64, 20)}), "1 dimensions, want 2"},
		"few rows":          {tinyTokenizer, rows(embeddings("F32", tinyRows[:9])), "9 rows for 10 tokens"},
		"few weights":       {tinyTokenizer, with(file{"weights", "F32", []int{9}, make([]float64, 9)}), "9 values"},
		"few mappings":      {tinyTokenizer, with(file{"mapping", "I32", []int{9}, make([]float64, 9)}), "9 values"},
		"row out of range":  {tinyTokenizer, with(file{"mapping", "I32", []int{10}, []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 10}}), "row 10 of 10"},
		"row negative":      {tinyTokenizer, with(file{"mapping", "I32", []int{10}, []float64{-1, 0, 0, 0, 0, 0, 0, 0, 0, 0}}), "row -1"},
		"not a number":      {tinyTokenizer, with(file{"weights", "F32", []int{10}, []float64{math.NaN(), 0, 0, 0, 0, 0, 0, 0, 0, 0}}), "NaN"},
		"cut":               {tinyTokenizer, good[:len(good)-1], "does not fit"},
		"shape wraps":       {tinyTokenizer, header(`{"embeddings":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`), "shape"},
		"shape negative":    {tinyTokenizer, header(`{"embeddings":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`), "shape"},
		"offsets backwards": {tinyTokenizer, header(`{"embeddings":{"dtype":"F32","shape":[1,1],"data_offsets":[8,4]}}`), "lies at"},
		"header too long":   {tinyTokenizer, bytes.Repeat([]byte{0xff}, 16), "header of"},
		"empty":             {tinyTokenizer, []byte{}, "length of the header"},
		"no file":           {tinyTokenizer, nil, "model.safetensors"},
	} {
		_, err := embed.OpenStatic(folder(t, c.tokenizer, "{}", c.model))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestHalves: every shape of a 16-bit number.
func TestHalves(t *testing.T) {
	t.Parallel()
	rows := [][]float64{{0x1p-24, 65504}, {0x1p-14, 0.5}}
	tokenizer := `{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},
	"model":{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","vocab":{"a":0,"b":1}}}`
	s := open(t, folder(t, tokenizer, `{}`, safetensors(t, embeddings("F16", rows))))
	got, err := s.Embed(t.Context(), []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float32{{0x1p-24, 65504}, {0x1p-14, 0.5}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func BenchmarkStatic(b *testing.B) {
	dir := b.TempDir()
	rows := make([]float64, 10*256)
	for i := range rows {
		rows[i] = float64(i%7) - 3
	}
	h := `{"embeddings":{"dtype":"I8","shape":[10,256],"data_offsets":[0,2560]}}`
	model := append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...)
	for _, x := range rows {
		model = append(model, byte(int8(x)))
	}
	for name, data := range map[string][]byte{"tokenizer.json": []byte(tinyTokenizer), "config.json": []byte("{}"), "model.safetensors": model} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	s, err := embed.OpenStatic(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(prose)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Embed(b.Context(), []string{prose}); err != nil {
			b.Fatal(err)
		}
	}
}
