package main

// What users say: on which sets the model of prompts is fitted, and on which it is only measured.

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tiltmeter/tiltmeter/analyzers/injection/cues"
	"github.com/tiltmeter/tiltmeter/analyzers/injection/model"
)

//go:embed prompts.txt
var ownPrompts string

// row is a line of a labelled set.
type row struct {
	ID       string   `json:"id"`
	Task     string   `json:"task"`
	Prompt   string   `json:"prompt"`
	Context  string   `json:"context"`
	Response string   `json:"response"`
	Split    string   `json:"split"`
	Attack   string   `json:"attack"`
	Goal     string   `json:"goal"`
	Words    []string `json:"words"`
	Label    any      `json:"label"`
}

func (r *row) positive() bool { return r.Label == 1.0 }

func read(folder, name string) ([]row, error) {
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return nil, fmt.Errorf("open labelled set: %w", err)
	}
	defer f.Close()
	var rows []row
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, len(rows)+1, err)
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// prompts are bags of users' texts.
type prompts struct {
	fitted, measured []*bag
	seen             map[string]bool
	templates        map[string]int // texts read, by template
}

// perTemplate is how many texts of one template are read.
const perTemplate = 60

// add adds a text once. Without a weight it is only measured.
func (p *prompts) add(source, key, text string, label bool, weight float64) {
	if text == "" || p.seen[text] {
		return
	}
	p.seen[text] = true
	b := &bag{label: label, weight: weight, source: source, key: source + "/" + key, text: text}
	var s cues.Scan
	s.Read(text)
	for _, at := range model.Passages(nil, &s) {
		var v model.Vector
		v.Prompt(&s, at)
		b.passages = append(b.passages, v)
	}
	if weight > 0 {
		p.fitted = append(p.fitted, b)
	} else {
		p.measured = append(p.measured, b)
	}
}

// The weights of the sets: deepset and the benign role plays of WildGuard are what the model is to tell apart; of the others there are many.
const (
	weightDeepset   = 3
	weightPIGuard   = 3
	weightNotInject = 1
	weightOwn       = 3
	weightBenign    = 0.5
	weightTemplate  = 0.025 // some forty texts with the same template
	weightPAIR      = 0.01  // harmful requests in a story: hardly an injection
)

// set is a file of labelled texts.
type set struct {
	file     string
	measured bool // may only be measured on, and may be missing
	add      func(*prompts, *row)
}

var promptSets = []set{
	{"prompt_injection/deepset.jsonl", false, func(p *prompts, r *row) {
		weight := 0.0
		if r.Split == "train" {
			weight = weightDeepset
		}
		p.add("deepset_"+r.Split, r.ID, r.Prompt, r.positive(), weight)
	}},
	{"prompt_injection/piguard_suite.jsonl", false, addPIGuard},
	{"jbb_artifacts/jbb_artifacts.jsonl", false, func(p *prompts, r *row) {
		// Suffixes found by optimisation (GCG, DSN) are no instructions in words.
		if weight := map[string]float64{"JailbreakChat": weightTemplate, "adaptive_random_search": weightTemplate, "PAIR": weightPAIR}[r.Attack]; weight > 0 {
			p.add("jbb_"+r.Attack, r.Goal, r.Prompt, true, weight)
		}
	}},
	{"halueval_general/halueval_general.jsonl", false, benign("halueval")},
	{"coconot/coconot_prompts.jsonl", false, benign("coconot")},
	{"xstest/xstest_completions.jsonl", false, benign("xstest")},
	{"ragtruth_qa/ragtruth_qa.jsonl", false, benign("ragtruth")},
	{"llmdrift/llmdrift.jsonl", false, func(p *prompts, r *row) {
		if p.templates[r.Task]++; p.templates[r.Task] <= perTemplate {
			p.add("llmdrift", r.Task, r.Prompt, false, weightBenign)
		}
	}},
	{"alpaca_outputs/alpaca_outputs.jsonl", true, func(p *prompts, r *row) { p.add("alpaca_eval", r.ID, r.Prompt, false, 0) }},
	{"prompt_injection/neuralchemy.jsonl", true, func(p *prompts, r *row) { p.add("neuralchemy", r.ID, r.Prompt, r.positive(), 0) }},
	{"prompt_injection/jailbreak_templates.jsonl", true, func(p *prompts, r *row) { p.add("jailbreak_templates", r.ID, r.Prompt, true, 0) }},
}

func benign(source string) func(*prompts, *row) {
	return func(p *prompts, r *row) { p.add(source, r.ID, r.Prompt, false, weightBenign) }
}

func addPIGuard(p *prompts, r *row) {
	source := strings.TrimPrefix(r.Task, "pi/")
	planted := strings.Contains(r.Prompt, "```\nimport") || strings.Contains(r.Prompt, "your response") || strings.HasPrefix(r.Prompt, "Provide")
	switch {
	case strings.HasPrefix(source, "bipia"), r.positive() && planted: // instructions for documents; a user may say the same
	case strings.HasPrefix(source, "notinject"):
		p.add("notinject", strings.ToLower(r.Words[0]), r.Prompt, false, weightNotInject)
	default:
		p.add(source, r.ID, r.Prompt, r.positive(), weightPIGuard)
	}
}

func readPrompts(folder string) (*prompts, error) {
	p := &prompts{seen: map[string]bool{}, templates: map[string]int{}}
	for i, line := range strings.Split(ownPrompts, "\n") {
		if mark, text, ok := strings.Cut(line, " "); ok && (mark == "+" || mark == "-") {
			p.add("own", strconv.Itoa(i), strings.ReplaceAll(text, `\n`, "\n"), mark == "+", weightOwn)
		}
	}
	for _, s := range promptSets {
		rows, err := read(folder, s.file)
		if s.measured && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range rows {
			s.add(p, &rows[i])
		}
	}
	return p, nil
}

// The most false alarms that the threshold may give in cross-validation. AlpacaEval, which is not fitted on, is near WildGuard.
const (
	mostWildGuard = 0.0085
	mostNotInject = 0.03
	mostHaluEval  = 0.002
)

// fitPrompts cross-validates, chooses the threshold, and fits on all.
func fitPrompts(p *prompts, s settings) *result {
	r := &result{title: "prompts", features: s.features, groups: map[string][]*bag{}, scores: map[*bag]float64{}}
	for k := range folds {
		var train []*bag
		for _, b := range p.fitted {
			if fold(b.key) != k {
				train = append(train, b)
			}
		}
		m := fit(train, s)
		for _, b := range p.fitted {
			if fold(b.key) == k {
				r.scores[b] = score(m, b)
			}
		}
	}
	r.model = fit(p.fitted, s)
	for _, b := range p.measured {
		r.scores[b] = score(r.model, b)
	}
	for _, list := range [][]*bag{p.fitted, p.measured} {
		for _, b := range list {
			r.groups[b.source] = append(r.groups[b.source], b)
		}
	}
	r.threshold = lowest(func(t float64) bool {
		return alarms(r.groups["wildguard_benign"], r.scores, t) <= mostWildGuard && alarms(r.groups["notinject"], r.scores, t) <= mostNotInject &&
			alarms(r.groups["halueval"], r.scores, t) <= mostHaluEval
	})
	calibrate(r.model, r.threshold, p.fitted, r.scores)
	return r
}
