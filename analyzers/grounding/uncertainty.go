package grounding

// How unsure a model was where nothing was given that its answer could be held against: several samples of one prompt that disagree,
// or tokens that it gave little probability to.

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/text"
	"github.com/tiltmeter/tiltmeter/genai"
)

// uncertain is the signal of a span, when it can be told: of its samples when there are several, else of its log-probabilities.
func uncertain(s *genai.Span, said []analyzers.Text) (analyzers.Signal, bool) {
	samples := make([]string, 0, len(said))
	for i := 0; i < len(said); {
		end := i + 1
		for end < len(said) && said[end].Index == said[i].Index {
			end++
		}
		if end == i+1 {
			samples = append(samples, said[i].Content)
		} else {
			parts := make([]string, 0, end-i)
			for _, t := range said[i:end] {
				parts = append(parts, t.Content)
			}
			samples = append(samples, strings.Join(parts, "\n"))
		}
		i = end
	}
	if len(samples) > 1 {
		return analyzers.Signal{Name: SignalUncertainty, Score: Entropy(samples), Label: LabelSamples}, true
	}
	if v, ok := surprise(s); ok {
		return analyzers.Signal{Name: SignalUncertainty, Score: v, Label: LabelLogProbs}, true
	}
	return analyzers.Signal{}, false
}

// maxSamples bounds the samples that Entropy looks at, and maxKeyed the words of each.
const (
	maxSamples = 64
	maxKeyed   = 256
)

// Entropy is the discrete semantic entropy, in nats, of samples of one prompt: of the shares of those that mean the same
// (Farquhar et al., Nature 630, 2024). Samples mean the same here when they give the same numbers, or, of short answers without numbers, the
// same words in any order, or when their words overlap by four fifths. 0 says that all agree, ln n that none do.
func Entropy(samples []string) float64 {
	samples = samples[:min(len(samples), maxSamples)]
	type cluster struct {
		key   key
		count int
	}
	var clusters []cluster
	for _, s := range samples {
		k := keyed(s)
		i := slices.IndexFunc(clusters, func(c cluster) bool { return c.key.means(&k) })
		if i < 0 {
			clusters = append(clusters, cluster{k, 0})
			i = len(clusters) - 1
		}
		clusters[i].count++
	}
	h := 0.0
	for _, c := range clusters {
		p := float64(c.count) / float64(len(samples))
		h -= p * math.Log(p)
	}
	return max(h, 0)
}

// key is what a sample says: its numbers in order, its words as a set.
type key struct {
	numbers []string
	words   []string
}

// fillers say nothing in a short answer.
var fillers = map[string]bool{
	"the": true, "a": true, "an": true, "is": true, "are": true, "was": true, "of": true, "answer": true, "it": true, "final": true, "so": true, "to": true,
	"in": true, "and": true, "that": true, "this": true, "be": true,
}

func keyed(s string) key {
	var k key
	n := 0
	buf := make([]byte, 0, 32)
	text.Words(s, buf, func(w []byte, _ text.Range) bool {
		n++
		if w[0] < '0' || w[0] > '9' {
			if !fillers[string(w)] {
				k.words = append(k.words, string(w))
			}
		}
		return n < maxKeyed
	})
	k.numbers = figures(s)
	slices.Sort(k.words)
	k.words = slices.Compact(k.words)
	return k
}

// figures are the numbers of a text without what only dresses them: thousands separators, zeros at the end.
func figures(s string) (out []string) {
	for i := 0; i < len(s) && len(out) < maxKeyed; {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		var b []byte
		if i > 0 && s[i-1] == '-' && (i == 1 || s[i-2] == ' ') {
			b = append(b, '-')
		}
		point := false
		for ; i < len(s) && len(b) < 64; i++ {
			switch c := s[i]; {
			case c >= '0' && c <= '9':
				b = append(b, c)
				continue
			case c == ',' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
				continue
			case c == '.' && !point && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
				point = true
				b = append(b, c)
				continue
			}
			break
		}
		if v, err := strconv.ParseFloat(string(b), 64); err == nil {
			out = append(out, strconv.FormatFloat(v, 'g', 12, 64))
		}
	}
	return out
}

// means reports whether two samples say the same.
func (k *key) means(o *key) bool {
	if len(k.numbers) > 0 || len(o.numbers) > 0 {
		// What a model computes stands last; what it repeats of the question stands before.
		a, b := len(k.numbers), len(o.numbers)
		return a > 0 && b > 0 && k.numbers[a-1] == o.numbers[b-1]
	}
	if slices.Equal(k.words, o.words) {
		return true
	}
	const overlap = 0.8
	shared := 0
	for _, w := range k.words {
		if _, ok := slices.BinarySearch(o.words, w); ok {
			shared++
		}
	}
	union := len(k.words) + len(o.words) - shared
	return union > 0 && float64(shared) >= overlap*float64(union)
}

// maxTokens bounds the log-probabilities that are read.
const maxTokens = 1 << 16

// surprise is the mean negative log-probability of the answer's tokens, in nats, when the span came with them. No convention names the
// attribute; providers' word for it is logprobs, as numbers, or in objects that have one as logprob.
func surprise(s *genai.Span) (float64, bool) {
	for i := range s.Attributes {
		key := s.Attributes[i].Key
		if last := key[strings.LastIndexByte(key, '.')+1:]; last != "logprobs" && last != "log_probs" {
			continue
		}
		var all []float64
		collect(&s.Attributes[i].Value, &all)
		if len(all) == 0 {
			continue
		}
		sum := 0.0
		for _, v := range all {
			sum -= v
		}
		return sum / float64(len(all)), true
	}
	return 0, false
}

// collect appends the log-probabilities that a value holds: it is a list of numbers, or JSON with lists of numbers or objects.
func collect(v *genai.Value, all *[]float64) {
	if v.Type != genai.TypeString && v.Type != genai.TypeArray && v.Type != genai.TypeMap {
		return
	}
	var tree any
	if json.Unmarshal([]byte(v.Text), &tree) == nil {
		gather(tree, all)
	}
}

// gather walks JSON. What lies under top_logprobs are tokens that the model did not take.
func gather(tree any, all *[]float64) {
	switch x := tree.(type) {
	case float64:
		if x <= 0 && len(*all) < maxTokens {
			*all = append(*all, x)
		}
	case []any:
		for _, e := range x {
			gather(e, all)
		}
	case map[string]any:
		for _, name := range [...]string{"logprob", "content", "token_logprobs", "logprobs"} {
			switch e := x[name].(type) {
			case nil, string:
			default:
				gather(e, all)
			}
		}
	}
}
