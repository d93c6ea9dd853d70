package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/model"
)

// row is a labelled answer with what was made of it.
type row struct {
	Task     string   `json:"task"`
	Source   string   `json:"source_id"`
	Model    string   `json:"model"`
	Prompt   string   `json:"prompt"`
	Context  string   `json:"context"`
	Response string   `json:"response"`
	Label    int      `json:"label"`
	Edits    []string `json:"edit_types"`
	Spans    []struct {
		Start int `json:"start"` // characters
		End   int `json:"end"`
	} `json:"spans"`

	fold      int
	answer    [align.NumAnswer]float32
	asked     bool
	sentences []sentence
	offset    float32 // how much stricter its question was labelled than others
}

// sentence is a sentence of an answer.
type sentence struct {
	x      []float32
	grams  []uint32
	y      float32
	found  align.Kind
	form   align.Form
	margin model.Margins // by models that did not see its question
}

const (
	folds   = 5
	maxLine = 1 << 24
)

// load reads the rows of a set.
func load(dir, name string) ([]*row, error) {
	path := filepath.Join(dir, name, name+".jsonl")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	defer f.Close()
	var rows []*row
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		r := &row{}
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			return nil, fmt.Errorf("load %s line %d: %w", name, len(rows)+1, err)
		}
		h := fnv.New32a()
		fmt.Fprint(h, r.Source, r.Context)
		r.fold = int(h.Sum32()>>8) % folds
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("load %s: %w", name, err)
	}
	return rows, nil
}

// count counts in how many sentences of the sets' contexts words stand.
func count(sets ...[]*row) (table []byte, sentences int) {
	seen := map[string]bool{}
	var texts []string
	for _, rows := range sets {
		for _, r := range rows {
			if !seen[r.Context] {
				seen[r.Context] = true
				texts = append(texts, r.Context)
			}
		}
	}
	return align.Count(texts)
}

// compare fills the figures of rows. A sentence is labelled when four bytes of it, or all, lie in a span; a single sentence like
// its answer.
func compare(idf *align.IDF, rows []*row) {
	const overlap = 4
	a := align.New(idf)
	for _, r := range rows {
		a.Reset()
		a.AddSource(r.Context)
		a.AddQuestion(r.Prompt)
		a.Index()
		a.Compare(r.Response)
		r.answer, r.asked = a.Answer, a.Asked()
		at := offsets(r.Response)
		for i := range a.Sentences {
			s := &a.Sentences[i]
			e := sentence{x: slices.Clone(s.Features[:]), grams: a.Grams(nil, i), found: s.Finding.Kind, form: s.Form(len(a.Sentences))}
			for _, p := range r.Spans {
				start, end := at[min(p.Start, len(at)-1)], at[min(p.End, len(at)-1)]
				if min(end, s.End)-max(start, s.Start) >= min(overlap, s.End-s.Start) {
					e.y = 1
				}
			}
			if r.Source == "" && len(a.Sentences) == 1 {
				e.y = float32(r.Label)
			}
			r.sentences = append(r.sentences, e)
		}
	}
}

// offsets are the bytes at which the characters of s begin, and its length.
func offsets(s string) []int {
	at := make([]int, 0, utf8.RuneCountInString(s)+1)
	for i := range s {
		at = append(at, i)
	}
	return append(at, len(s))
}

// names are the models that answered, in order.
func names(rows []*row) []string {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.Model] = true
	}
	return slices.Sorted(mapKeys(seen))
}

func mapKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
