package embed

// Static embeddings: a vector a token, from a folder as model2vec writes it.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

const (
	// MaxStaticTokens is how many tokens of a text a static model looks at, as model2vec does by default.
	MaxStaticTokens = 512

	// maxTokenizer bounds a tokenizer.json, in bytes: a million tokens of 64 bytes.
	maxTokenizer = 64 << 20
)

// Static is a model that gives each token one vector, whatever stands around it, and a text the mean of its tokens'. It needs no
// runtime and no accelerator: a text takes microseconds.
type Static struct {
	kind       Kind
	dimensions int
	tokens     *wordPiece
	rows       []float32 // row by row
	weights    []float32 // of tokens; nil: all 1
	mapping    []int32   // the row of each token; nil: its own
	normalize  bool
}

// OpenStatic reads a model from a folder with tokenizer.json, config.json and model.safetensors, as model2vec saves it: the
// tensor `embeddings`, with `weights` and `mapping` where the vocabulary was quantized. The tokenizer must be WordPiece with BERT's
// normalizer and pre-tokenizer; an error names what is not supported. The model's kind holds a hash of its files, so that another
// model in the same folder is not taken for it.
func OpenStatic(folder string) (*Static, error) {
	s, err := openStatic(folder)
	if err != nil {
		return nil, fmt.Errorf("open static model %q: %w", folder, err)
	}
	return s, nil
}

func openStatic(folder string) (*Static, error) {
	hash := sha256.New()
	tokenizer, err := readFile(filepath.Join(folder, "tokenizer.json"), maxTokenizer, hash)
	if err != nil {
		return nil, err
	}
	config, err := readFile(filepath.Join(folder, "config.json"), maxTokenizer, hash)
	if err != nil {
		return nil, err
	}
	s := &Static{}
	var settings struct {
		Normalize bool `json:"normalize"`
	}
	if err := json.Unmarshal(config, &settings); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	s.normalize = settings.Normalize
	if s.tokens, err = readWordPiece(tokenizer); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	file, err := os.Open(filepath.Join(folder, "model.safetensors"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := s.readTensors(file, info.Size()); err != nil {
		return nil, fmt.Errorf("model.safetensors: %w", err)
	}
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	name := filepath.Base(filepath.Clean(folder))
	s.kind = Kind(fmt.Sprintf("static:%s@%s/%d", name, hex.EncodeToString(hash.Sum(nil)[:4]), s.dimensions))
	return s, nil
}

// readFile reads a file of limit bytes at most, and has hash see them.
func readFile(path string, limit int64, hash io.Writer) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.TeeReader(io.LimitReader(f, limit+1), hash))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", filepath.Base(path), limit)
	}
	return b, err
}

func (s *Static) readTensors(file io.ReaderAt, size int64) error {
	t, err := openTensors(file, size)
	if err != nil {
		return err
	}
	rows, shape, err := t.float32s("embeddings", 2)
	if err != nil {
		return err
	}
	if shape[1] > MaxDimensions {
		return fmt.Errorf("tensor \"embeddings\" has %d dimensions, and %d is the most", shape[1], MaxDimensions)
	}
	s.rows, s.dimensions = rows, shape[1]
	tokens := s.tokens.size()
	if _, ok := t.table["weights"]; ok {
		if s.weights, _, err = t.float32s("weights", 1); err != nil {
			return err
		}
		if len(s.weights) < tokens {
			return fmt.Errorf("tensor \"weights\" has %d values for %d tokens", len(s.weights), tokens)
		}
	}
	if _, ok := t.table["mapping"]; !ok {
		if shape[0] < tokens {
			return fmt.Errorf("tensor \"embeddings\" has %d rows for %d tokens, and there is no tensor \"mapping\"", shape[0], tokens)
		}
		return nil
	}
	mapping, _, err := t.float32s("mapping", 1)
	if err != nil {
		return err
	}
	if len(mapping) < tokens {
		return fmt.Errorf("tensor \"mapping\" has %d values for %d tokens", len(mapping), tokens)
	}
	s.mapping = make([]int32, len(mapping))
	for i, row := range mapping {
		if row < 0 || row >= float32(shape[0]) || row >= 1<<24 || row != float32(int32(row)) { // beyond 2²⁴ float32 skips whole numbers
			return fmt.Errorf("tensor \"mapping\" sends token %d to row %v of %d", i, row, shape[0])
		}
		s.mapping[i] = int32(row)
	}
	return nil
}

// Kind is "static:<folder>@<hash>/<dimensions>".
func (s *Static) Kind() Kind { return s.kind }

// Dimensions is the length of a token's vector.
func (s *Static) Dimensions() int { return s.dimensions }

// Embed returns the mean of the vectors of each text's first MaxStaticTokens tokens, without those the model does not know.
// It fails only when ctx is done.
func (s *Static) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	var ids []int32
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("embed text %d of %d: %w", i+1, len(texts), err)
		}
		ids = s.tokens.tokens(ids[:0], text, MaxStaticTokens)
		vectors[i] = s.mean(ids)
	}
	return vectors, nil
}

func (s *Static) mean(ids []int32) []float32 {
	sum := make([]float64, s.dimensions)
	for _, id := range ids {
		weight, row := 1.0, int(id)
		if s.weights != nil {
			weight = float64(s.weights[id])
		}
		if s.mapping != nil {
			row = int(s.mapping[id])
		}
		for d, x := range s.rows[row*s.dimensions : (row+1)*s.dimensions] {
			sum[d] += float64(weight * float64(x))
		}
	}
	scale := float64(cmp.Or(len(ids), 1))
	if s.normalize {
		squares := 0.0
		for _, x := range sum {
			squares += float64(x * x)
		}
		if scale = math.Sqrt(squares); scale == 0 {
			scale = 1
		}
	}
	v := make([]float32, s.dimensions)
	for d, x := range sum {
		v[d] = float32(x / scale)
	}
	return v
}

var _ Embedder = (*Static)(nil)
