// Package leakage finds personal data, secrets and the instructions themselves where they should not be: in what a model says
// and gives to tools, and in what it is given.
//
// It knows what can be checked: addresses, numbers with check digits or numbering plans, secrets by the rules of gitleaks. It claims no names, places or
// dates, which need a model. Its evidence repeats no value: quotes are masked, while their offsets are those of the real text.
//
// It keeps no state, needs no network, and takes time linear in the texts.
package leakage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/genai"
)

// Name is the analyzer's, and its main signal's.
const Name = "leakage"

// The labels that no kind has.
const (
	LabelNone   = "none"   // nothing was found
	LabelEcho   = "echo"   // all that was found, the user said in this conversation
	LabelLeaked = "leaked" // of leakage.prompt
)

// The reasons that no kind is.
const (
	reasonInstruction = "instruction_repeated"
	reasonAnnounced   = "instruction_announced"
)

// threshold is the probability from which on instructions count as leaked.
const threshold = 0.5

// Options are what an operator may choose.
type Options struct {
	// Echo reports personal data that the user gave as found, instead of as an echo.
	Echo bool
}

// Analyzer implements analyzers.Analyzer.
type Analyzer struct{ options Options }

// New makes an analyzer.
func New(o Options) *Analyzer { return &Analyzer{o} }

// worst orders the labels, the worst first, with how bad each is.
var worst = []struct {
	label string
	score float64
}{
	{string(KindSecret), 1},
	{string(KindCard), 0.9},
	{LabelNationalID, 0.85},
	{string(KindIBAN), 0.8},
	{string(KindPhone), 0.6},
	{string(KindEmail), 0.5},
	{string(KindIP), 0.4},
	{LabelEcho, 0.05},
	{LabelNone, 0},
}

func severity(label string) float64 {
	for _, w := range worst {
		if w.label == label {
			return w.score
		}
	}
	return 0
}

// Describe implements analyzers.Analyzer.
func (*Analyzer) Describe() analyzers.Description {
	labels := make([]string, len(worst))
	for i, w := range worst {
		labels[i] = w.label
	}
	given := slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == LabelEcho })
	return analyzers.Description{
		Name: Name, Version: 1,
		Signals: []analyzers.SignalDescription{
			{
				Name: Name, Means: "The answer or the arguments of a tool call hold personal data or a secret that the user did not give.", Unit: "1",
				Labels: labels, Detects: true,
			},
			{Name: "leakage.tool", Means: "The arguments of a tool call hold personal data or a secret that the user did not give.", Unit: "1", Labels: labels, Detects: true},
			{Name: "leakage.input", Means: "What the model was given in this turn holds personal data or a secret.", Unit: "1", Labels: given, Detects: true},
			{
				Name: "leakage.prompt", Means: "The answer gives away the instructions of its call.", Unit: "1",
				Labels: []string{LabelNone, LabelLeaked}, Detects: true,
			},
		},
	}
}

// work is the memory of one span.
type work struct {
	given, said []analyzers.Text
	found       []Finding
	items       []item
}

var works = sync.Pool{New: func() any { return new(work) }}

// item is a finding in its text.
type item struct {
	Finding
	text   *analyzers.Text
	echo   bool
	source *analyzers.Passage
}

// Analyze implements analyzers.Analyzer.
func (a *Analyzer) Analyze(ctx context.Context, in *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	w := works.Get().(*work)
	defer func() {
		clear(w.given)
		clear(w.said)
		clear(w.items[:cap(w.items)])
		works.Put(w)
	}()
	w.given, w.said = analyzers.Given(w.given[:0], in), analyzers.Said(w.said[:0], in.Span)
	if in.Span.Operation == genai.OpExecuteTool {
		w.given, w.said = conversation(w.given[:0], in), arguments(w.said[:0], in.Span)
	}
	if len(w.said) > 0 {
		tool := w.look(ctx, w.said, analyzers.ToolCall)
		tools := has(w.said, analyzers.ToolCall)
		if tools {
			dst = append(dst, a.signal("leakage.tool", tool))
		}
		all := append(slices.Clone(tool), w.look(ctx, w.said, analyzers.Answer, analyzers.Refused)...)
		dst = append(dst, a.signal(Name, all))
	}
	if news := fresh(w.given); len(news) > 0 && in.Span.Operation != genai.OpExecuteTool {
		dst = append(dst, a.signal("leakage.input", w.look(ctx, news, analyzers.User, analyzers.Document, analyzers.ToolResult)))
	}
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	if l, ok := leaked(w.given, w.said); ok {
		p := probability(l.score())
		s := analyzers.Signal{Name: "leakage.prompt", Score: l.score(), Probability: p, Label: LabelNone}
		if p >= threshold {
			s.Label = LabelLeaked
		}
		s.Evidence = l.pieces
		dst = append(dst, s)
	}
	return dst, nil
}

func has(texts []analyzers.Text, o analyzers.Origin) bool {
	return slices.ContainsFunc(texts, func(t analyzers.Text) bool { return t.Origin == o })
}

// arguments is what an execute_tool span says itself: the arguments that the tool was given.
func arguments(dst []analyzers.Text, s *genai.Span) []analyzers.Text {
	if s.Tool.Arguments == "" {
		return dst
	}
	at := analyzers.Place{SpanID: s.SpanID, Field: analyzers.FieldArguments}
	return append(dst, analyzers.Text{Place: at, Origin: analyzers.ToolCall, Name: s.Tool.Name, Content: analyzers.Valid(string(s.Tool.Arguments))})
}

// conversation is what the last model call before a tool was given: there the user spoke.
func conversation(dst []analyzers.Text, in *analyzers.Input) []analyzers.Text {
	var last *genai.Span
	for i := range in.Trace {
		if o := &in.Trace[i]; o.Operation.IsInference() && !o.Start.After(in.Span.Start) && (last == nil || !o.Start.Before(last.Start)) {
			last = o
		}
	}
	if last == nil {
		return dst
	}
	return analyzers.Given(dst, &analyzers.Input{Span: last})
}

// fresh is what was given in this turn: behind what the model said last. What came before was an earlier span's.
func fresh(given []analyzers.Text) []analyzers.Text {
	for i := range slices.Backward(given) {
		if given[i].Origin == analyzers.Earlier {
			return given[i+1:]
		}
	}
	return given
}

// look finds what the texts of these origins hold that is somebody's, the worst first, and where it was said before.
func (w *work) look(ctx context.Context, texts []analyzers.Text, origins ...analyzers.Origin) []item {
	w.items = w.items[:0]
	for i := range texts {
		t := &texts[i]
		if !slices.Contains(origins, t.Origin) || ctx.Err() != nil {
			continue
		}
		w.found = find(w.found[:0], t.Content)
		for _, f := range w.found {
			if !f.Impersonal {
				w.items = append(w.items, item{Finding: f, text: t})
			}
		}
	}
	slices.SortStableFunc(w.items, func(a, b item) int {
		return cmp.Compare(severity(b.Kind.Label()), severity(a.Kind.Label()))
	})
	if origins[0] != analyzers.User {
		for i := range w.items[:min(len(w.items), analyzers.MaxEvidence)] {
			w.items[i].trace(w.given)
		}
	}
	return slices.Clone(w.items)
}

// trace finds where the value was said before: by the user, or else by whoever said it first.
func (x *item) trace(given []analyzers.Text) {
	k := key(x.text.Content[x.Start:x.End])
	if x.Kind == KindPhone { // with and without the code of its country
		const subscriber = 9
		k = k[max(0, len(k)-subscriber):]
		for k != "" && !utf8.RuneStart(k[0]) {
			k = k[1:]
		}
	}
	if k == "" {
		return
	}
	for i := range given {
		g := &given[i]
		if x.source != nil && g.Origin != analyzers.User || g.Origin == analyzers.Earlier || g.Origin == analyzers.ToolCall {
			continue
		}
		if start, end := locate(g.Content, k); end > start {
			p := g.Passage(start, end)
			p.Quote = mask(g.Content[start:end])
			x.source = &p
			if x.echo = g.Origin == analyzers.User; x.echo {
				return
			}
		}
	}
}

// signal sums up what was found.
func (a *Analyzer) signal(name string, found []item) analyzers.Signal {
	s := analyzers.Signal{Name: name, Label: LabelNone}
	none := 1.0
	for i := range found {
		x := &found[i]
		label := x.Kind.Label()
		p := x.sure()
		if x.echo && !a.options.Echo {
			label = LabelEcho
		} else {
			none *= 1 - p
		}
		if score := severity(label); score > s.Score {
			s.Score, s.Label = score, label
		}
		if len(s.Evidence) < analyzers.MaxEvidence {
			s.Evidence = append(s.Evidence, analyzers.Evidence{
				Reason: string(x.Kind), Text: x.sentence(), Score: p, Passage: value(x.text, x.Finding), Source: x.source,
			})
		}
	}
	s.Probability = 1 - none
	return s
}

// sure is the probability that a finding is what it is said to be; CARD.md has where the figures come from.
func (x *item) sure() float64 {
	switch {
	case x.Rule == genericRule:
		return 0.7
	case x.Kind == KindPhone:
		return 0.93
	case x.Kind == KindIP || x.Kind == KindSecret:
		return 0.95
	default:
		return 0.98
	}
}

// sentence says for a human what was found.
func (x *item) sentence() string {
	what := "A secret (" + x.Rule + ")"
	switch x.Kind {
	case KindSecret:
	case KindEmail:
		what = "An e-mail address"
	case KindPhone:
		what = "A telephone number"
	case KindIP:
		what = "An IP address"
	case KindIBAN:
		what = "A bank account number (IBAN)"
	case KindCard:
		what = "A payment card number"
	default:
		what = "A national number (" + strings.ReplaceAll(string(x.Kind), "_", " ") + ")"
	}
	switch {
	case x.echo:
		return what + " that the user gave."
	case x.source == nil:
		return what + "."
	}
	switch x.source.Field {
	case analyzers.FieldDocument:
		return what + " that a retrieved document holds."
	case analyzers.FieldResult:
		return what + " that a tool gave."
	case analyzers.FieldSystem:
		return what + " that the instructions hold."
	}
	return what + " that was given to the model."
}
