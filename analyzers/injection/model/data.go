package model

// The sentences of documents and tool results: whether they speak to the model instead of telling something.

import (
	"math"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/cues"
)

// DataFeatures are the dense features of a sentence of a document, in order.
var DataFeatures = append(dataCues(), Feature{"novel", Any}, Feature{"of_the_question", Any}, Feature{"first_person", Negative},
	Feature{"second_person", Any}, Feature{"please", Any}, Feature{"question", Any}, Feature{"imperative", Positive},
	Feature{"length", Any}, Feature{"own_line", Any}, Feature{"quote", Any},
	Feature{"link", Any}, Feature{"numbers", Negative}, Feature{"names", Negative}, Feature{"short", Any},
	Feature{"other_language", Positive}, Feature{"imperative_novel", Positive}, Feature{"question_novel", Positive},
	Feature{"answer_novel", Positive}, Feature{"two_cues", Positive}, Feature{"colon", Any})

// dataCues are the cues with the directions that they have in a document, where a task is no ordinary request.
func dataCues() []Feature {
	f := cueFeatures()
	f[cues.TaskRequest].Direction = Any
	f[cues.Mention].Direction = Any
	f[cues.FakeTurn].Direction = Any
	return f
}

// Topic knows how often the words of a document occur in it, and those of the question. Its memory is used again.
type Topic struct {
	slots           []slot
	mask            uint32
	round           uint32
	english, german bool
}

type slot struct {
	hash, round uint32
	count       uint16
	question    bool
}

// Read counts the words of a document and of the question that the document was to answer; question may be nil.
func (t *Topic) Read(document, question *cues.Scan) {
	n := len(document.Words)
	if question != nil {
		n += len(question.Words)
	}
	size := 64
	for size < 2*n {
		size *= 2
	}
	if len(t.slots) < size {
		t.slots, t.round = make([]slot, size), 0
	}
	t.mask = uint32(len(t.slots) - 1) //nolint:gosec // below 1<<32: texts are in memory
	t.round++
	for i := range document.Words {
		if w := &document.Words[i]; topical(w) {
			if s := t.find(w.Hash); s.count < math.MaxUint16 {
				s.count++
			}
		}
	}
	if question != nil {
		for i := range question.Words {
			if w := &question.Words[i]; topical(w) {
				t.find(w.Hash).question = true
			}
		}
	}
	english, german := 0, 0
	for i := range document.Sentences {
		en, de := document.Language(&document.Sentences[i])
		if en {
			english++
		}
		if de {
			german++
		}
	}
	t.english, t.german = english > german, german > english
}

// Has says whether the document has a word of this hash that can carry a topic.
func (t *Topic) Has(hash uint32) bool {
	for i := hash * spread & t.mask; t.slots[i].round == t.round; i = (i + 1) & t.mask {
		if t.slots[i].hash == hash {
			return true
		}
	}
	return false
}

// topical says whether a word can carry a topic.
func topical(w *cues.Word) bool { return w.Flags&cues.Long != 0 && !w.Common() }

func (t *Topic) find(hash uint32) *slot {
	for i := hash * spread & t.mask; ; i = (i + 1) & t.mask {
		s := &t.slots[i]
		if s.round != t.round {
			*s = slot{hash: hash, round: t.round}
			return s
		}
		if s.hash == hash {
			return s
		}
	}
}

// Data fills v with sentence i of a document.
func (v *Vector) Data(s *cues.Scan, t *Topic, i int) {
	v.reset(len(DataFeatures))
	at := &s.Sentences[i]
	v.sentence(s, at)
	words := s.Words[at.First:at.Last]
	content := at.Of(s.Content)
	topic, novel, asked, numbers, names := 0, 0, 0, 0, 0
	first, second, please := false, false, false
	for k := range words {
		w := &words[k]
		switch {
		case w.Flags&cues.Number != 0:
			numbers++
		case w.Flags&(cues.Title|cues.Clause) == cues.Title:
			names++
		}
		f, p := w.Person()
		first, second = first || f, second || p
		please = please || w.Please()
		if !topical(w) {
			continue
		}
		topic++
		within := 0
		for m := range words {
			if words[m].Hash == w.Hash {
				within++
			}
			if m > 64 {
				break // of a sentence that is none
			}
		}
		found := t.find(w.Hash)
		if int(found.count) <= within {
			novel++
		}
		if found.question {
			asked++
		}
	}
	share := func(n, of int) float32 {
		if of == 0 {
			return 0
		}
		return float32(n) / float32(of)
	}
	n := len(words)
	question := content != "" && content[len(content)-1] == '?'
	imperative := n > 0 && words[0].Imperative() || n > 1 && words[0].Please() && words[1].Imperative()
	en, de := s.Language(at)
	newness := float32(0.5)
	if topic > 0 {
		newness = share(novel, topic)
	}
	strongs := 0
	for _, c := range strong {
		if at.Cues[c] {
			strongs++
		}
	}
	if at.Cues[cues.SteersAnswer] {
		strongs++
	}
	copy(v.Dense[cues.Len:], []float32{
		newness, share(asked, topic), is(first), is(second), is(please), is(question), is(imperative),
		float32(math.Log1p(float64(n))) / 4, is(ownLine(s.Content, at.Start, at.End)),
		is(at.Marks&cues.Quote != 0), is(at.Marks&cues.Link != 0),
		share(numbers, n) * 2, share(names, n) * 2, is(n < 4), is(en && t.german || de && t.english),
		is(imperative) * newness, is(question) * newness, is(at.Cues[cues.SteersAnswer]) * newness, is(strongs > 1),
		is(at.Marks&cues.Colon != 0),
	})
}

// ownLine says whether nothing else stands on the lines of [start, end).
func ownLine(content string, start, end int) bool {
	for start > 0 && content[start-1] == ' ' {
		start--
	}
	for end < len(content) && content[end] == ' ' {
		end++
	}
	return (start == 0 || content[start-1] == '\n') && (end == len(content) || content[end] == '\n' || content[end] == '\r')
}
