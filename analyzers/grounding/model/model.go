// Package model turns the figures of a comparison into probabilities: of each sentence, that it is not borne out, and of the answer,
// that it holds such a sentence.
//
// A Model is fitted once, by internal/fit/grounding, and read from bytes that the product carries. It promises the same
// probability for the same figures on any machine. It knows no text.
package model

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/tiltmeter/tiltmeter/analyzers/grounding/align"
	"github.com/tiltmeter/tiltmeter/analyzers/grounding/trees"
)

// Model is what was fitted.
type Model struct {
	IDF    *align.IDF
	Local  *trees.Ensemble         // over a sentence's figures that align.Local names
	Linear Linear                  // over the same
	Forms  [align.NumForms]float32 // log-odds of sentences of a form that is judged by itself
	Edited *trees.Ensemble         // over the same: of texts that condense others
	Whole  *trees.Ensemble         // over all of them
	Grams  Grams
	Answer *trees.Ensemble // over Aggregate
	Line   Linear          // over the same

	table    []byte // of IDF
	passages int
}

// Margins are the log-odds that a sentence is not borne out.
type Margins struct {
	Local float32 // as it stands by itself: what carries over to texts unlike those that were learned from
	Full  float32 // with what stands around it and how it is said
}

// Sentence is the margins of a sentence. It condenses when nobody asked anything: then it is not new words that make it wrong, but
// changed ones.
func (m *Model) Sentence(f []float32, grams []uint32, form align.Form, condenses bool) Margins {
	l := m.Local.Eval(f)
	s := Margins{(l + m.Linear.Eval(f)) / 2, (l+m.Whole.Eval(f))/2 + m.Grams.Eval(grams)}
	switch {
	case form != align.Ordinary:
		s.Local = m.Forms[form]
	case condenses:
		s.Local = m.Edited.Eval(f)
	}
	return s
}

// floors are log-odds that a sentence has at least when something plain was found in it. They were set by hand: the answers that the model
// learned from have too few of these errors to learn them. Four of five for what cannot be there, three of four for an exact denial, one of
// three for what may be a manner of speaking. Of edited summaries with an exact denial or an opposite 13 of 17 and 4 of 13 were wrong.
var floors = map[align.Kind]float32{
	align.NewURL: 1.4, align.NewCitation: 1.4, align.Negated: 1.1, align.Roles: -0.7, align.Opposite: -0.7,
}

// Found raises the log-odds of a sentence of a form in which something was found.
func (s Margins) Found(k align.Kind, form align.Form) Margins {
	floor, ok := floors[k]
	if k == align.NewNumber && form == align.Ordinary { // a bare number is judged by itself
		floor, ok = newNumber, true
	}
	if ok {
		return Margins{max(s.Local, floor), max(s.Full, floor)}
	}
	return s
}

// newNumber is the floor of a sentence that says a number which stands nowhere. Two of three such sentences were marked.
const newNumber = 0

// Linear is a weighted sum of figures.
type Linear struct {
	Bias    float32
	Weights []float32 // as many as there are figures
}

// Eval is the sum for f.
func (l *Linear) Eval(f []float32) float32 {
	sum := l.Bias
	for i, w := range l.Weights {
		sum += w * f[i]
	}
	return sum
}

// Mixed is the log-odds of one sentence of an answer of n.
func (s Margins) Mixed(n int, asked bool) float32 {
	w := weight(n, asked)
	return w*s.Full + (1-w)*s.Local
}

// weight is how far an answer of n sentences is like those that the model learned answers from: long ones to questions. One of one or two
// sentences is judged by what its sentences say by themselves.
func weight(n int, asked bool) float32 {
	w := float32(min(max(n-2, 0), 3)) / 3
	if !asked {
		w /= 2
	}
	return w
}

// Grams are weights of hashes of words.
type Grams struct {
	Weights []int8 // a power of two of them
	Scale   float32
}

// Eval is the sum of the weights of hashes, over the root of how many there are.
func (g *Grams) Eval(hashes []uint32) float32 {
	if len(g.Weights) == 0 {
		return 0
	}
	sum, mask := int32(0), uint32(len(g.Weights)-1)
	for _, h := range hashes {
		sum += int32(g.Weights[Bucket(h)&mask])
	}
	return float32(sum) * g.Scale / float32(math.Sqrt(float64(len(hashes)+1)))
}

// Bucket mixes a hash so that its low bits are good.
func Bucket(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2C1B3C6D
	return h ^ h>>13
}

// NumAggregate is how many figures Aggregate gives.
const NumAggregate = 2*numShape + align.NumAnswer

const numShape = 6

// Aggregate appends the figures that an answer is judged by.
func Aggregate(dst []float32, s []Margins, answer *[align.NumAnswer]float32) []float32 {
	dst = shape(dst, s, func(m Margins) float32 { return m.Full })
	dst = shape(dst, s, func(m Margins) float32 { return m.Local })
	return append(dst, answer[:]...)
}

// shape appends what a series of log-odds looks like: of any, the highest, the second and third probability, their sum, their mean.
func shape(dst []float32, s []Margins, of func(Margins) float32) []float32 {
	var top [3]float64
	highest, none, sum := float32(-20), 0.0, 0.0
	for _, m := range s {
		z := of(m)
		highest = max(highest, z)
		p := Probability(z)
		none += math.Log1p(-min(p, 1-1e-9))
		sum += p
		for k := range top {
			if p > top[k] {
				p, top[k] = top[k], p
			}
		}
	}
	n := float64(max(len(s), 1))
	return append(dst, logit(1-math.Exp(none)), highest, float32(top[1]), float32(top[2]), float32(math.Log(sum+1e-6)), float32(sum/n))
}

// Score is the log-odds that an answer holds a sentence that is not borne out; asked says that there was a question. x is memory.
func (m *Model) Score(s []Margins, answer *[align.NumAnswer]float32, asked bool, x []float32) (score float32, mem []float32) {
	if len(s) == 0 {
		return logit(0), x
	}
	x = Aggregate(x[:0], s, answer)
	w := weight(len(s), asked)
	return w*(m.Answer.Eval(x)+m.Line.Eval(x))/2 + (1-w)*x[numShape], x
}

// Probability is the probability of log-odds.
func Probability(z float32) float64 { return 1 / (1 + math.Exp(-float64(z))) }

func logit(p float64) float32 {
	p = min(max(p, 1e-6), 1-1e-6)
	return float32(math.Log(p / (1 - p)))
}

// magic begins a model's bytes; the digit is the version of their layout.
const magic = "TMGROUND1"

var errBad = errors.New("read model: these are not the bytes of a grounding model of this version")

// New makes a Model without trees: of a table that align.Count counted.
func New(table []byte, passages int) *Model {
	return &Model{IDF: align.NewIDF(table, passages), table: table, passages: passages}
}

// Append appends the bytes of m.
func (m *Model) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint32(b, uint32(m.passages))
	b = append(b, m.table...)
	b = le.AppendUint32(b, uint32(len(m.Grams.Weights)))
	b = le.AppendUint32(b, math.Float32bits(m.Grams.Scale))
	for _, w := range m.Grams.Weights {
		b = append(b, byte(w))
	}
	for _, l := range []*Linear{&m.Linear, &m.Line} {
		b = le.AppendUint32(b, math.Float32bits(l.Bias))
		for _, w := range l.Weights {
			b = le.AppendUint32(b, math.Float32bits(w))
		}
	}
	for _, w := range m.Forms {
		b = le.AppendUint32(b, math.Float32bits(w))
	}
	for _, e := range []*trees.Ensemble{m.Local, m.Edited, m.Whole, m.Answer} {
		b = e.Append(b)
	}
	return b
}

// Read reads a model.
func Read(b []byte) (*Model, error) {
	le := binary.LittleEndian
	head := len(magic) + 4 + align.Buckets + 8
	if len(b) < head || string(b[:len(magic)]) != magic {
		return nil, errBad
	}
	b = b[len(magic):]
	m := New(b[4:4+align.Buckets], int(le.Uint32(b)))
	b = b[4+align.Buckets:]
	n := int(le.Uint32(b))
	m.Grams.Scale = math.Float32frombits(le.Uint32(b[4:]))
	b = b[8:]
	if n > len(b) || n&(n-1) != 0 {
		return nil, errBad
	}
	m.Grams.Weights = make([]int8, n)
	for i := range n {
		m.Grams.Weights[i] = int8(b[i])
	}
	b = b[n:]
	if len(b) < 4*(1+align.NumFeatures+1+NumAggregate+int(align.NumForms)) {
		return nil, errBad
	}
	next := func() float32 {
		v := math.Float32frombits(le.Uint32(b))
		b = b[4:]
		return v
	}
	m.Linear.Weights, m.Line.Weights = make([]float32, align.NumFeatures), make([]float32, NumAggregate)
	for _, l := range []*Linear{&m.Linear, &m.Line} {
		l.Bias = next()
		for i := range l.Weights {
			l.Weights[i] = next()
		}
	}
	for i := range m.Forms {
		m.Forms[i] = next()
	}
	for _, e := range []struct {
		to       **trees.Ensemble
		features int
	}{{&m.Local, align.NumFeatures}, {&m.Edited, align.NumFeatures}, {&m.Whole, align.NumFeatures}, {&m.Answer, NumAggregate}} {
		var err error
		if *e.to, b, err = trees.Read(b, e.features); err != nil {
			return nil, err
		}
	}
	if len(b) != 0 {
		return nil, errBad
	}
	return m, nil
}
