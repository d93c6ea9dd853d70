package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
	"github.com/tiltmeter/tiltmeter/genai"
)

// The sizes that detectors are measured at, characters.
const (
	answerChars  = 1500
	contextChars = 4000
	// goalPerSecond is how many answers all detectors together should score on one core.
	goalPerSecond = 2000
)

// DetectorOptions is one benchmark of the detectors.
type DetectorOptions struct {
	Answers   int
	Rounds    int
	Seed      uint64
	JSON      bool
	Out       io.Writer
	Analyzers []analyzers.Analyzer
}

// Flags binds the options to fs with their defaults.
func (o *DetectorOptions) Flags(fs *pflag.FlagSet) {
	fs.IntVar(&o.Answers, "answers", 2000, "answers a round")
	fs.IntVar(&o.Rounds, "rounds", 5, "rounds; the table shows medians")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the answers")
	fs.BoolVar(&o.JSON, "json", false, "print JSON")
}

// Detector is what one analyzer took, or all together.
type Detector struct {
	Name        string  `json:"name"`
	Micros      float64 `json:"microseconds_per_answer"`
	MicrosP99   float64 `json:"microseconds_p99"`
	Allocations float64 `json:"allocations_per_answer"`
	PerSecond   float64 `json:"answers_per_second"`
	Readings    float64 `json:"times_of_cutting_into_words"` // of the same texts, in the same run
}

// RunDetectors measures analyzers one after the other on one core, on answers of answerChars to contexts of contextChars, beside what it
// takes to cut the same texts into words.
func RunDetectors(ctx context.Context, o DetectorOptions) error {
	if o.Answers < 1 || o.Rounds < 1 {
		return errors.New("--answers and --rounds must be at least 1")
	}
	inputs := answersOf(o.Seed, o.Answers)
	var words []float64
	taken := make([][]Detector, len(o.Analyzers))
	for range o.Rounds {
		words = append(words, cutting(inputs))
		for i, a := range o.Analyzers {
			d, err := detector(ctx, a, inputs)
			if err != nil {
				return err
			}
			taken[i] = append(taken[i], d)
		}
	}
	slices.Sort(words)
	reading := words[len(words)/2]
	var list []Detector
	all := Detector{Name: "all"}
	for _, rounds := range taken {
		slices.SortFunc(rounds, func(a, b Detector) int { return int(a.Micros - b.Micros) })
		d := rounds[len(rounds)/2]
		d.PerSecond, d.Readings = 1e6/d.Micros, d.Micros/reading
		list = append(list, d)
		all.Micros, all.MicrosP99, all.Allocations = all.Micros+d.Micros, all.MicrosP99+d.MicrosP99, all.Allocations+d.Allocations
	}
	all.PerSecond, all.Readings = 1e6/all.Micros, all.Micros/reading
	list = append(list, all)
	if o.JSON {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	w := tabwriter.NewWriter(o.Out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "detectors, %d answers of %d characters with %d of context, one core\n", o.Answers, answerChars, contextChars)
	fmt.Fprintln(w, "\tµs an answer\tp99\tallocations\tanswers/s\t× cutting into words\t")
	for _, d := range list {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t\n", d.Name, d.Micros, d.MicrosP99, d.Allocations, d.PerSecond, d.Readings)
	}
	fmt.Fprintf(w, "goal\t%.0f\t\t\t%d\t\t\n", 1e6/goalPerSecond, goalPerSecond)
	return w.Flush()
}

func detector(ctx context.Context, a analyzers.Analyzer, inputs []analyzers.Input) (Detector, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	micros := make([]float64, len(inputs))
	var signals []analyzers.Signal
	var sum float64
	for i := range inputs {
		if ctx.Err() != nil {
			return Detector{}, ctx.Err()
		}
		var err error
		began := time.Now()
		signals, err = a.Analyze(ctx, &inputs[i], signals[:0])
		micros[i] = float64(time.Since(began).Nanoseconds()) / 1e3
		if err != nil {
			return Detector{}, fmt.Errorf("%s: %w", a.Describe().Name, err)
		}
		sum += micros[i]
	}
	runtime.ReadMemStats(&after)
	slices.Sort(micros)
	n := float64(len(inputs))
	return Detector{
		Name: a.Describe().Name, Micros: sum / n, MicrosP99: micros[len(micros)*99/100], Allocations: float64(after.Mallocs-before.Mallocs) / n,
	}, nil
}

// cutting is how many microseconds it takes to cut the texts of an answer into sentences and words, once.
func cutting(inputs []analyzers.Input) float64 {
	var texts []analyzers.Text
	var sentences []text.Range
	var buf []byte
	began := time.Now()
	for i := range inputs {
		texts = analyzers.Given(analyzers.Said(texts[:0], inputs[i].Span), &inputs[i])
		for _, t := range texts {
			sentences = text.Sentences(sentences[:0], t.Content)
			buf = text.Words(t.Content, buf, func([]byte, text.Range) bool { return true })
		}
	}
	return float64(time.Since(began).Nanoseconds()) / 1e3 / float64(len(inputs))
}

// answersOf makes answers that look like those of a shop's assistant: mostly what the context says, with numbers, names and a
// doubtful sentence here and there.
func answersOf(seed uint64, n int) []analyzers.Input {
	random := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // to be repeatable, not secret
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	sentence := func() string {
		return strings.NewReplacer(
			"{thing}", pick(things), "{place}", pick(places), "{n}", strconv.Itoa(random.IntN(900)+2), "{m}", fmt.Sprintf("%.2f", random.Float64()*200),
			"{who}", pick(people), "{day}", fmt.Sprintf("%d %s 20%02d", random.IntN(28)+1, pick(months), random.IntN(10)+16),
		).Replace(pick(sentences))
	}
	inputs := make([]analyzers.Input, n)
	for i := range inputs {
		var known []string
		var context, answer strings.Builder
		for context.Len() < contextChars {
			s := sentence()
			known = append(known, s)
			context.WriteString(s + pick([]string{" ", " ", " ", "\n\n"}))
		}
		for answer.Len() < answerChars {
			s := pick(known)
			if random.IntN(5) == 0 {
				s = sentence()
			}
			answer.WriteString(s + pick([]string{" ", " ", "\n", "\n- "}))
		}
		inputs[i].Span = &genai.Span{
			Operation: genai.OpChat, SpanID: genai.SpanID{7: 1}, ResponseModel: "model",
			System: []genai.Part{{Type: genai.PartText, Content: "You are the assistant of a shop. Answer from the documents alone, briefly and kindly. Never give a discount."}},
			Input: []genai.Message{{Role: genai.RoleUser, Parts: []genai.Part{
				{Type: genai.PartDocument, Content: context.String()[:contextChars]},
				{Type: genai.PartText, Content: "What does the " + pick(things) + " cost, and when does it come to " + pick(places) + "?"},
			}}},
			Output: []genai.Message{{Role: genai.RoleAssistant, Parts: []genai.Part{{Type: genai.PartText, Content: answer.String()[:answerChars]}}}},
		}
	}
	return inputs
}

var (
	sentences = []string{
		"The {thing} costs {m} euros in {place}, and {n} of them were sold since {day}.",
		"{who} wrote on {day} that the {thing} would be delivered to {place} within {n} hours.",
		"According to the warranty, a {thing} that breaks within {n} days is replaced for free.",
		"Our shop in {place} is open from 9:00 to 18:30, except on Sundays and on {day}.",
		"To return a {thing}, pack it well, print the label and bring it to the nearest post office.",
		"I'm sorry to hear that the {thing} does not work as it should; {who} will call you back.",
		"The order number {n}-{n} was changed by {who}; the new total is {m} euros, including shipping.",
		"Unlike the older model, the {thing} has no fan, weighs {m} kilograms and runs for {n} minutes.",
		"Please note that the {thing} must not be used outdoors, and that the battery is not included.",
		"You can reach the team in {place} at help@example.com or under +49 30 5550{n}.",
		"For more about it, see https://example.com/help/{n} and the second chapter of the manual.",
		"Nobody at {place} could say why the {thing} was late, but it arrived on {day}.",
	}
	things = []string{"coffee grinder", "desk lamp", "travel kettle", "folding chair", "garden hose", "bread knife", "wall clock", "bicycle pump", "rain jacket", "toolbox"}
	places = []string{"Lisbon", "Hamburg", "Leeds", "Porto", "New Haven", "Utrecht", "Valencia", "Graz"}
	people = []string{"Maria Lopes", "Dr. Jansen", "Peter Okafor", "Ms. Weber", "Aiko Tanaka", "the manager"}
	months = []string{"January", "March", "May", "July", "September", "November"}
)
