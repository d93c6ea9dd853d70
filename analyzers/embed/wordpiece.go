package embed

// WordPiece, as tokenizer.json of the Hugging Face tokenizers library describes it, with BERT's way of making text plain and of
// cutting it into words.

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxVocabulary bounds the tokens of a model.
	maxVocabulary = 1 << 20

	// maxWords bounds the words of a text that are looked at, in tokens that are wanted: a text of words that the model
	// does not know would never fill them.
	maxWords = 8
)

// wordPiece cuts text into tokens. It does not look for special tokens: a text that quotes "[MASK]" says just that.
type wordPiece struct {
	ids     map[string]int32 // of tokens that begin words
	within  map[string]int32 // of those that continue them, without their prefix
	unknown int32
	longest int // bytes of the longest token
	maxWord int // characters of the longest word that is cut at all
	plain   plainer
}

// plainer is BERT's normaliser.
type plainer struct {
	Type         string `json:"type"`
	CleanText    bool   `json:"clean_text"`
	Chinese      bool   `json:"handle_chinese_chars"`
	StripAccents *bool  `json:"strip_accents"`
	Lowercase    bool   `json:"lowercase"`
}

// tokenizerFile is what is read of a tokenizer.json.
type tokenizerFile struct {
	Normalizer   plainer `json:"normalizer"`
	PreTokenizer struct {
		Type string `json:"type"`
	} `json:"pre_tokenizer"`
	Model struct {
		Type    string          `json:"type"`
		Unknown string          `json:"unk_token"`
		Prefix  string          `json:"continuing_subword_prefix"`
		MaxWord int             `json:"max_input_chars_per_word"`
		Vocab   json.RawMessage `json:"vocab"` // an object here, an array of Unigram's
	} `json:"model"`
}

// readWordPiece reads a tokenizer.json.
func readWordPiece(b []byte) (*wordPiece, error) {
	var f tokenizerFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	for _, x := range []struct{ part, has, want string }{
		{"model", f.Model.Type, "WordPiece"},
		{"normalizer", f.Normalizer.Type, "BertNormalizer"},
		{"pre-tokenizer", f.PreTokenizer.Type, "BertPreTokenizer"},
	} {
		if x.has != x.want {
			return nil, fmt.Errorf("%s %.64q is not supported, %q is: use a model that was distilled from a BERT-like one, or serve this one at an endpoint", x.part, x.has, x.want)
		}
	}
	var vocab map[string]int32
	if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	if len(vocab) == 0 || len(vocab) > maxVocabulary {
		return nil, fmt.Errorf("vocabulary of %d tokens: from 1 to %d are supported", len(vocab), maxVocabulary)
	}
	w := &wordPiece{ids: map[string]int32{}, within: map[string]int32{}, unknown: -1, maxWord: f.Model.MaxWord, plain: f.Normalizer}
	if w.maxWord <= 0 {
		w.maxWord = 100 // the library's own default
	}
	prefix := f.Model.Prefix
	if prefix == "" {
		return nil, errors.New(`model "WordPiece" without a continuing_subword_prefix is not supported`)
	}
	for token, id := range vocab {
		if id < 0 || int(id) >= maxVocabulary {
			return nil, fmt.Errorf("vocabulary: token %.64q has the number %d", token, id)
		}
		w.ids[token] = id
		if rest, ok := strings.CutPrefix(token, prefix); ok {
			w.within[rest] = id
		}
		w.longest = max(w.longest, len(token))
	}
	if id, ok := vocab[f.Model.Unknown]; ok {
		w.unknown = id
	}
	return w, nil
}

// size is one more than the largest number of a token.
func (w *wordPiece) size() int {
	largest := int32(-1)
	for _, id := range w.ids {
		largest = max(largest, id)
	}
	return int(largest) + 1
}

// tokens appends the first tokens of s, most at most, that the model knows.
func (w *wordPiece) tokens(dst []int32, s string, most int) []int32 {
	limit, words := len(dst)+most, 0
	w.plain.words(s, func(word string) bool {
		words++
		dst = w.cut(dst, word)
		return len(dst) < limit && words < maxWords*most
	})
	return dst[:min(len(dst), limit)]
}

// cut appends the tokens of a word: the longest that begins it, then the longest that continues it, and so on; none when that
// does not lead to its end.
func (w *wordPiece) cut(dst []int32, word string) []int32 {
	if utf8.RuneCountInString(word) > w.maxWord {
		return dst
	}
	first := len(dst)
	table := w.ids
	for len(word) > 0 {
		end := min(len(word), w.longest)
		for end > 0 {
			if end == len(word) || utf8.RuneStart(word[end]) {
				if id, ok := table[word[:end]]; ok {
					if id != w.unknown {
						dst = append(dst, id)
					}
					break
				}
			}
			end--
		}
		if end == 0 {
			return dst[:first]
		}
		word = word[end:]
		table = w.within
	}
	return dst
}

// words calls yield for each word and each mark of s, made plain, until it returns false.
func (p *plainer) words(s string, yield func(string) bool) {
	strip := p.Lowercase
	if p.StripAccents != nil {
		strip = *p.StripAccents
	}
	for field := range strings.FieldsSeq(p.clean(s)) {
		if strip {
			field = withoutAccents(field)
		}
		if p.Lowercase {
			field = lower(field)
		}
		if !split(field, yield) {
			return
		}
	}
}

// clean drops control characters, makes all space alike, and puts space around Chinese characters. Bytes that are no UTF-8
// are dropped, as the replacement character is.
func (p *plainer) clean(s string) string {
	if !p.CleanText && !p.Chinese {
		return strings.ToValidUTF8(s, "")
	}
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	for _, c := range s {
		switch {
		case c == utf8.RuneError && p.CleanText:
		case p.CleanText && unicode.IsSpace(c):
			b.WriteByte(' ')
		case p.CleanText && unicode.Is(unicode.C, c):
		case p.Chinese && chinese(c):
			b.WriteByte(' ')
			b.WriteRune(c)
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// chinese are the ranges that BERT cuts into single characters.
func chinese(c rune) bool {
	return 0x4E00 <= c && c <= 0x9FFF || 0x3400 <= c && c <= 0x4DBF || 0x20000 <= c && c <= 0x2A6DF || 0x2A700 <= c && c <= 0x2B73F ||
		0x2B740 <= c && c <= 0x2B81F || 0x2B920 <= c && c <= 0x2CEAF || 0xF900 <= c && c <= 0xFAFF || 0x2F800 <= c && c <= 0x2FA1F
}

func withoutAccents(s string) string {
	if ascii(s) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Mn, c) {
			return -1
		}
		return c
	}, norm.NFD.String(s))
}

func lower(s string) string {
	if i := strings.IndexRune(s, 'İ'); i >= 0 { // the one character whose lower case is two
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	return strings.ToLower(s)
}

func ascii(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(c byte) bool { return c >= utf8.RuneSelf })
}

// split calls yield for the runs between marks of punctuation and for each mark.
func split(s string, yield func(string) bool) bool {
	start := 0
	for i, c := range s {
		if !mark(c) {
			continue
		}
		if i > start && !yield(s[start:i]) {
			return false
		}
		start = i + utf8.RuneLen(c)
		if !yield(s[i:start]) {
			return false
		}
	}
	return start == len(s) || yield(s[start:])
}

func mark(c rune) bool {
	if c < utf8.RuneSelf {
		return '!' <= c && c <= '/' || ':' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
	}
	return unicode.IsPunct(c)
}
