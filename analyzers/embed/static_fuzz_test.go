package embed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unicode/utf8"
)

// FuzzTensors: whatever a file says of itself, reading it ends, and gives what the header promises or an error.
func FuzzTensors(f *testing.F) {
	for kind, width := range widths {
		header := fmt.Sprintf(`{"embeddings":{"dtype":%q,"shape":[1,2],"data_offsets":[0,%d]}}`, kind, 2*width)
		f.Add(append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), make([]byte, 2*width)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := openTensors(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name := range x.table {
			for rank := 1; rank <= 2; rank++ {
				values, shape, err := x.float32s(name, rank)
				if err != nil {
					continue
				}
				count := 1
				for _, n := range shape {
					count *= n
				}
				if len(shape) != rank || count != len(values) {
					t.Errorf("%d values of shape %v", len(values), shape)
				}
			}
		}
	})
}

// FuzzWordPiece: whatever a tokenizer is made of, the tokens it gives are its own and no more than wanted.
func FuzzWordPiece(f *testing.F) {
	const tokenizer = `{"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},
	"model":{"type":"WordPiece","unk_token":"?","continuing_subword_prefix":"##","vocab":{"a":0,"b":1,"##b":2,"##é":3}}}`
	f.Add([]byte(tokenizer), "Ab b! 機\u0301 é\xff")
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		w, err := readWordPiece(b)
		if err != nil {
			return
		}
		ids := w.tokens(nil, s, 16)
		if len(ids) > 16 {
			t.Errorf("%d tokens, want 16 at most", len(ids))
		}
		for _, id := range ids {
			if id < 0 || int(id) >= w.size() {
				t.Errorf("token %d of %d", id, w.size())
			}
		}
		w.plain.words(s, func(word string) bool {
			if word == "" || !utf8.ValidString(word) {
				t.Errorf("word %q", word)
			}
			return true
		})
	})
}
