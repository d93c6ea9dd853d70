package align

import "math"

// IDF says how rare words are in ordinary texts, by the hash of their stem. It is a fixed table, so that a text weighs the same
// today and tomorrow.
type IDF struct {
	table []byte // at the low 16 bits of the hash: the logarithm of how many passages hold it, in sixteenths
	top   float32
}

// Buckets is the length of an IDF's table.
const Buckets = 1 << 16

// NewIDF reads a table of Buckets bytes that was counted over so many passages.
func NewIDF(table []byte, passages int) *IDF {
	return &IDF{table, float32(math.Log(float64(passages)+1)) + 0.1}
}

// Of is the weight of a stem, from 0.1 for one that every passage holds.
func (t *IDF) Of(stem uint32) float32 {
	if t == nil {
		return 1
	}
	return max(t.top-float32(t.table[stem%Buckets])/16, 0.1)
}

// Count counts a table for NewIDF over the sentences of texts.
func Count(texts []string) (table []byte, sentences int) {
	counts, last := make([]int, Buckets), make([]int, Buckets)
	var p page
	for _, s := range texts {
		p.reset()
		p.add(s, nil)
		for i := range p.sentences {
			sentences++
			for _, w := range p.words[p.sentences[i].first:p.sentences[i].last] {
				if b := w.stem % Buckets; last[b] != sentences {
					last[b] = sentences
					counts[b]++
				}
			}
		}
	}
	table = make([]byte, Buckets)
	for i, c := range counts {
		table[i] = byte(min(math.Round(math.Log(float64(c)+1)*16), math.MaxUint8))
	}
	return table, sentences
}
