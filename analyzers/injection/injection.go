// Package injection finds attempts to set a model's instructions aside: in what a user says, in what documents and tools give,
// and says whether the answer went along.
//
// A user's text is judged passage by passage, a document sentence by sentence, because they are trusted differently: a
// user may ask for anything but for other rules; a document has nothing to ask at all. Both are judged by linear models over
// the cues and words that the packages cues and model describe; their weights were fitted by internal/fit/injection.
package injection

import (
	"context"
	_ "embed"
	"math"
	"strings"
	"sync"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/injection/cues"
	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
)

// Options of the analyzer.
type Options struct {
	// At is the probability in (0, 1] from which on a passage is named as evidence, and an answer is judged by what was
	// asked in it; 0 means 0.5, the operating point that CARD.md describes.
	At float64
}

//go:embed weights.bin
var weights []byte

// Analyzer is the analyzer. It is safe for concurrent use.
type Analyzer struct {
	at           float64
	prompt, data *model.Linear
	work         sync.Pool // of *work
}

var _ analyzers.Analyzer = (*Analyzer)(nil)

// New returns the analyzer. It panics if its embedded weights do not fit its features, which a test rules out.
func New(o Options) *Analyzer {
	a := &Analyzer{at: o.At}
	if a.at == 0 {
		a.at = 0.5
	}
	var err error
	rest := weights
	if a.prompt, rest, err = model.Decode(rest, len(model.PromptFeatures)); err == nil {
		a.data, _, err = model.Decode(rest, len(model.DataFeatures))
	}
	if err != nil {
		panic("analyzers/injection: weights.bin: " + err.Error())
	}
	a.work.New = func() any { return &work{} }
	return a
}

// The signals.
const (
	Direct   = "injection"
	Indirect = "injection.indirect"
	Complied = "injection.complied"
)

// Describe implements analyzers.Analyzer.
func (*Analyzer) Describe() analyzers.Description {
	return analyzers.Description{
		Name: "injection", Version: 1,
		Signals: []analyzers.SignalDescription{
			{Name: Direct, Means: "The user's text tries to set the model's instructions aside or to make it somebody without rules.", Unit: "1", Detects: true},
			{Name: Indirect, Means: "A document or a tool's result, or one that the user pasted, gives the model instructions.", Unit: "1", Detects: true},
			{Name: Complied, Means: "The answer does what the injected instruction asked for.", Unit: "1", Detects: true},
		},
	}
}

// work is the memory of one analysis.
type work struct {
	texts, said []analyzers.Text
	scan, asked cues.Scan
	passages    []model.Passage
	vector      model.Vector
	topic       model.Topic
	orders      []order
}

// order is a passage that was taken for an injection.
type order struct {
	text *analyzers.Text
	from int // byte offsets in the text
	to   int
	cues [cues.Len]bool
}

// finding is what is known of one signal while the texts are read.
type finding struct {
	found    bool
	score    float64
	evidence []analyzers.Evidence
}

func (f *finding) add(score float64) {
	if !f.found || score > f.score {
		f.found, f.score = true, score
	}
}

func (f *finding) signal(name string) analyzers.Signal {
	return analyzers.Signal{Name: name, Score: f.score, Probability: logistic(f.score), Evidence: weightiest(f.evidence)}
}

// Analyze implements analyzers.Analyzer. The scores are log odds. It judges what was new to the model in this call: what came
// after the last answer before the user's last text. A span without input messages gives no signals.
func (a *Analyzer) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	if len(in.Span.Input) == 0 {
		return dst, nil
	}
	w := a.work.Get().(*work)
	defer a.put(w)
	w.texts = analyzers.Given(w.texts[:0], in)
	w.orders = w.orders[:0]
	asked := analyzers.Prompt(w.texts)
	w.asked.Read("")
	if asked >= 0 {
		w.asked.Read(w.texts[asked].Content)
	}
	var direct, indirect finding
	for i := turn(w.texts, asked); i < len(w.texts); i++ {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		t := &w.texts[i]
		switch {
		case t.Origin == analyzers.User && i <= asked:
			a.user(w, t, i == asked, &direct, &indirect)
		case t.Origin == analyzers.Document || t.Origin == analyzers.ToolResult:
			w.scan.Read(t.Content)
			w.topic.Read(&w.scan, &w.asked)
			a.sentences(w, t, 0, &indirect)
		}
	}
	if direct.found {
		dst = append(dst, direct.signal(Direct))
	}
	if indirect.found {
		dst = append(dst, indirect.signal(Indirect))
	}
	if len(w.orders) > 0 {
		dst = w.complied(in.Span, dst)
	}
	return dst, nil
}

func (a *Analyzer) put(w *work) {
	clear(w.texts[:cap(w.texts)]) // no text of a caller is kept
	clear(w.said[:cap(w.said)])
	clear(w.orders[:cap(w.orders)])
	w.scan.Content, w.asked.Content = "", ""
	a.work.Put(w)
}

// turn is the index of the first text behind the last answer that came before the text asked.
func turn(texts []analyzers.Text, asked int) int {
	for i := asked; i > 0; i-- {
		if texts[i-1].Origin == analyzers.Earlier {
			return i
		}
	}
	return 0
}

// user judges a text of the user, and a document within it as one.
func (a *Analyzer) user(w *work, t *analyzers.Text, read bool, direct, indirect *finding) {
	scan := &w.scan
	if read {
		scan = &w.asked
	} else {
		scan.Read(t.Content)
	}
	w.passages = model.Passages(w.passages[:0], scan)
	for _, p := range w.passages {
		w.vector.Prompt(scan, p)
		score := a.prompt.Calibrated(a.prompt.Score(&w.vector))
		direct.add(score)
		if logistic(score) >= a.at {
			a.explain(w, scan, t, p, score, direct)
		}
	}
	if len(w.passages) == 0 {
		direct.add(a.prompt.Calibrated(float64(a.prompt.Bias)))
	}
	if start := pasted(t.Content); start >= 0 {
		if read {
			w.scan.Read(t.Content)
		}
		w.topic.Read(&w.scan, nil)
		before := len(indirect.evidence)
		var inner finding
		a.sentences(w, t, start, &inner)
		if inner.found {
			indirect.add(inner.score)
			direct.add(inner.score)
			indirect.evidence = append(indirect.evidence, inner.evidence...)
			direct.evidence = append(direct.evidence, indirect.evidence[before:]...)
		}
	}
}

// sentences judges the sentences of a document from the byte start on.
func (a *Analyzer) sentences(w *work, t *analyzers.Text, start int, f *finding) {
	for i := range w.scan.Sentences {
		if w.scan.Sentences[i].End <= start {
			continue
		}
		w.vector.Data(&w.scan, &w.topic, i)
		score := a.data.Calibrated(a.data.Score(&w.vector))
		f.add(score)
		if logistic(score) >= a.at {
			s := &w.scan.Sentences[i]
			f.evidence = append(f.evidence, analyzers.Evidence{
				Reason: ReasonInstructionInData, Text: reasons[ReasonInstructionInData], Score: logistic(score), Passage: t.Passage(s.Start, s.End),
			})
			a.explain(w, &w.scan, t, model.Passage{First: i, Last: i + 1}, score, f)
		}
	}
}

// explain appends the reasons for which a passage was taken for an injection, and keeps it as an order.
func (a *Analyzer) explain(w *work, scan *cues.Scan, t *analyzers.Text, p model.Passage, score float64, f *finding) {
	o := order{text: t, from: scan.Sentences[p.First].Start, to: scan.Sentences[p.Last-1].End}
	named := len(f.evidence)
	for i := p.First; i < p.Last; i++ {
		s := &scan.Sentences[i]
		for _, h := range scan.Hits[s.FirstHit:s.LastHit] {
			o.cues[h.Cue] = true
			reason := h.Cue.String()
			if reasons[reason] == "" {
				continue
			}
			start, end := s.Start, s.End
			if end-start > analyzers.MaxQuote {
				start, end = h.Start, h.End
			}
			f.evidence = append(f.evidence, analyzers.Evidence{Reason: reason, Text: reasons[reason], Score: logistic(score), Passage: t.Passage(start, end)})
		}
	}
	w.orders = append(w.orders, o)
	if len(f.evidence) > named || p.Last == p.First+1 && f.evidence != nil && f.evidence[named-1].Reason == ReasonInstructionInData {
		return
	}
	most, at := math.Inf(-1), p.First
	for i := p.First; i < p.Last; i++ {
		if words := w.vector.Words(scan, i, a.prompt); words > most {
			most, at = words, i
		}
	}
	s := &scan.Sentences[at]
	f.evidence = append(f.evidence, analyzers.Evidence{Reason: ReasonWording, Text: reasons[ReasonWording], Score: logistic(score), Passage: t.Passage(s.Start, s.End)})
}

// headers are labels of a message or record that was pasted; two of them in a row make it one.
var headers = []string{"subject:", "from:", "email_from:", "to:", "date:", "received date:", "content:"}

// marks open a document that was pasted.
var marks = []string{"<document", "<context", "<email", "<article", "<data", "<webpage", "<search_result", "<tool_result"}

// pasted is where a document within a user's text begins, or -1 if there is none.
func pasted(content string) int {
	found, first := 0, -1
	for i := 0; i < len(content); i++ {
		switch content[i] {
		case ':':
			for _, h := range headers {
				at := i + 1 - len(h)
				if at >= 0 && strings.EqualFold(content[at:i+1], h) && (at == 0 || content[at-1] <= ' ') {
					if found++; first < 0 {
						first = at
					}
					break
				}
			}
			if found == 2 {
				return first
			}
		case '<':
			for _, m := range marks {
				if len(content)-i >= len(m) && strings.EqualFold(content[i:i+len(m)], m) {
					return i
				}
			}
		}
	}
	return -1
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
