package runner

// What a user says about analyzers: which run on which service, on how much of it, for how long, and how their scores become
// probabilities.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/judge"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

// DefaultBudget is how long an analyzer may take for one span. They take a thousandth of it as a rule; on a machine that does
// other things besides, a goroutine may have to wait as long as that.
const DefaultBudget = 250 * time.Millisecond

// MaxRules bounds the rules of a policy: each is looked at for every span and analyzer.
const MaxRules = 256

// Policy decides what is scored. The zero value scores everything.
type Policy struct {
	rules        []Rule
	calibrations []projectCalibration
	second       SecondOpinion
}

// Second is who is asked for a second opinion, or nil.
func (p *Policy) Second() SecondOpinion {
	if p == nil {
		return nil
	}
	return p.second
}

// Rule says how analyzers treat the spans of some services. Of rules that match, the last one counts.
type Rule struct {
	Analyzers []string // names; none: all
	Projects  []string // patterns of path.Match; none: all
	Services  []string // likewise
	Enabled   bool
	Sample    float64 // share of the traces, 0 to 1
	Budget    time.Duration
}

// everything is the rule before the first.
var everything = Rule{Enabled: true, Sample: 1, Budget: DefaultBudget}

func (p *Policy) of(analyzer, project, service string) *Rule {
	for i := len(p.rules) - 1; i >= 0; i-- {
		r := &p.rules[i]
		if (len(r.Analyzers) == 0 || slices.Contains(r.Analyzers, analyzer)) && matches(r.Projects, project) && matches(r.Services, service) {
			return r
		}
	}
	return &everything
}

func matches(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return ok && err == nil
	})
}

// takes decides by a number that is uniform over traces.
func (r *Rule) takes(hash uint64) bool {
	return r.Enabled && (r.Sample >= 1 || float64(hash) < r.Sample*math.MaxUint64)
}

// projectCalibration are the calibrations of projects that match.
type projectCalibration struct {
	projects []string
	signals  map[string]*SignalCalibration
}

// CalibrationFile is what `tiltmeter eval --calibrate` writes: how scores become probabilities, learned from labels.
type CalibrationFile struct {
	Signals map[string]*SignalCalibration `json:"signals"`
}

// SignalCalibration is the calibration of one signal, and what it was learned from.
type SignalCalibration struct {
	stats.Calibration
	Analyzer  string          `json:"analyzer"`
	Version   int             `json:"version"` // of the analyzer: the scores of another are other scores
	Items     int             `json:"items"`
	Positives int             `json:"positives"`
	Measured  stats.Confusion `json:"measured"` // at one half, cross-validated: corrects rates (Rogan and Gladen 1978)
}

// UnmarshalJSON reads all fields: the embedded calibration's own method would read its two alone.
func (c *SignalCalibration) UnmarshalJSON(b []byte) error {
	var plain struct {
		Scores        []float64       `json:"scores"`
		Probabilities []float64       `json:"probabilities"`
		Analyzer      string          `json:"analyzer"`
		Version       int             `json:"version"`
		Items         int             `json:"items"`
		Positives     int             `json:"positives"`
		Measured      stats.Confusion `json:"measured"`
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		return err
	}
	*c = SignalCalibration{stats.Calibration{Scores: plain.Scores, Probabilities: plain.Probabilities}, plain.Analyzer, plain.Version, plain.Items, plain.Positives, plain.Measured}
	return c.Validate()
}

func (p *Policy) calibration(project, signal string) *SignalCalibration {
	for _, of := range slices.Backward(p.calibrations) {
		if c := of.signals[signal]; c != nil && matches(of.projects, project) {
			return c
		}
	}
	return nil
}

// Measured is how a signal errs at a probability of one half, as the calibration of the project measured it; nil without one.
func (p *Policy) Measured(project, signal string) *stats.Confusion {
	if p == nil {
		return nil
	}
	if c := p.calibration(project, signal); c != nil {
		return &c.Measured
	}
	return nil
}

// ParsePolicy reads the section of a settings file about analyzers:
//
//	analyzers:
//	  rules:                                  # of those that match a span, the last counts
//	    - analyzers: [grounding]              # all, unless named
//	      services: ["batch-*"]               # patterns; all, unless named; projects likewise
//	      sample: 0.1                         # share of the traces; 1 unless said
//	      budget: 20ms                        # for one span; 250ms unless said
//	    - analyzers: [leakage]
//	      enabled: false
//	  calibration:
//	    - file: calibration.json              # of `tiltmeter eval --calibrate`; beside the settings file
//	      projects: [shop]
//	  second_opinion:                         # of a language model, where grounding is not sure
//	    url: http://127.0.0.1:11434/v1
//	    model: qwen3
//	    key_file: judge.key                   # none, unless said
//	    between: [0.3, 0.7]                   # probabilities to ask about; these unless said
//	    questions_per_hour: 120               # at most; this unless said
//	    timeout: 30s
//
// Its error names every mistake as "file:line: path: what is wrong".
func ParsePolicy(file string, section *yaml.Node, known []analyzers.Description) (*Policy, error) {
	p := policyParser{file: file, policy: &Policy{}}
	for _, d := range known {
		p.known = append(p.known, d.Name)
		for _, s := range d.Signals {
			p.signals = append(p.signals, signalOf{s.Name, d.Version})
		}
	}
	p.fields(section, "analyzers", map[string]func(*yaml.Node, string){
		"rules":          p.each(p.rule),
		"calibration":    p.each(p.calibration),
		"second_opinion": p.secondOpinion,
	})
	return p.policy, errors.Join(p.errs...)
}

type signalOf struct {
	name    string
	version int
}

// policyParser collects mistakes while it reads.
type policyParser struct {
	file    string
	known   []string
	signals []signalOf
	policy  *Policy
	errs    []error
}

func (p *policyParser) bad(n *yaml.Node, at, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s: %s", p.file, n.Line, at, fmt.Sprintf(format, args...)))
}

// fields reads a mapping whose names are known.
func (p *policyParser) fields(n *yaml.Node, at string, known map[string]func(*yaml.Node, string)) {
	if n.Kind != yaml.MappingNode {
		p.bad(n, at, "want a mapping of names to values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch read := known[name.Value]; {
		case read == nil:
			names := make([]string, 0, len(known))
			for k := range known {
				names = append(names, k)
			}
			slices.Sort(names)
			p.bad(name, at+"."+name.Value, "no such field; there are %s", strings.Join(names, ", "))
		case seen[name.Value]:
			p.bad(name, at+"."+name.Value, "is there twice")
		default:
			seen[name.Value] = true
			read(value, at+"."+name.Value)
		}
	}
}

// each reads a list.
func (p *policyParser) each(one func(*yaml.Node, string)) func(*yaml.Node, string) {
	return func(n *yaml.Node, at string) {
		switch {
		case n.Kind != yaml.SequenceNode:
			p.bad(n, at, "want a list")
		case len(n.Content) > MaxRules:
			p.bad(n, at, "there are %d; want at most %d", len(n.Content), MaxRules)
		default:
			for i, c := range n.Content {
				one(c, fmt.Sprintf("%s[%d]", at, i))
			}
		}
	}
}

func (p *policyParser) rule(n *yaml.Node, at string) {
	r := everything
	p.fields(n, at, map[string]func(*yaml.Node, string){
		"analyzers": func(n *yaml.Node, at string) {
			r.Analyzers = p.names(n, at)
			for _, name := range r.Analyzers {
				if !slices.Contains(p.known, name) {
					p.bad(n, at, "no analyzer is called %q; there are %s", name, strings.Join(p.known, ", "))
				}
			}
		},
		"projects": func(n *yaml.Node, at string) { r.Projects = p.patterns(n, at) },
		"services": func(n *yaml.Node, at string) { r.Services = p.patterns(n, at) },
		"enabled": func(n *yaml.Node, at string) {
			if n.Decode(&r.Enabled) != nil {
				p.bad(n, at, "%q is neither true nor false", n.Value)
			}
		},
		"sample": func(n *yaml.Node, at string) {
			if n.Decode(&r.Sample) != nil || !(r.Sample >= 0 && r.Sample <= 1) {
				p.bad(n, at, "%q is no share: want a number between 0 and 1", n.Value)
			}
		},
		"budget": func(n *yaml.Node, at string) {
			var err error
			if r.Budget, err = time.ParseDuration(n.Value); err != nil || r.Budget <= 0 {
				p.bad(n, at, "%q is no duration above zero, like 20ms", n.Value)
			}
		},
	})
	p.policy.rules = append(p.policy.rules, r)
}

func (p *policyParser) names(n *yaml.Node, at string) (list []string) {
	if n.Decode(&list) != nil {
		p.bad(n, at, "want a list of names")
	}
	return list
}

func (p *policyParser) patterns(n *yaml.Node, at string) []string {
	list := p.names(n, at)
	for _, one := range list {
		if _, err := path.Match(one, ""); err != nil {
			p.bad(n, at, "%q is no pattern: %v", one, err)
		}
	}
	return list
}

func (p *policyParser) calibration(n *yaml.Node, at string) {
	var c projectCalibration
	name, where := "", n
	p.fields(n, at, map[string]func(*yaml.Node, string){
		"projects": func(n *yaml.Node, at string) { c.projects = p.patterns(n, at) },
		"file":     func(n *yaml.Node, _ string) { name, where = n.Value, n },
	})
	if name == "" {
		p.bad(where, at+".file", "is missing: want the file that `tiltmeter eval --calibrate` wrote")
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(p.file), name)
	}
	f, err := ReadCalibration(name)
	if err != nil {
		p.bad(where, at+".file", "%v", err)
		return
	}
	for signal, cal := range f.Signals {
		i := slices.IndexFunc(p.signals, func(s signalOf) bool { return s.name == signal })
		switch {
		case i < 0:
			p.bad(where, at+".file", "%s calibrates %q, and no analyzer gives such a signal", name, signal)
		case p.signals[i].version != cal.Version:
			p.bad(where, at+".file", "%s calibrates version %d of %s, and this is version %d, whose scores are others: calibrate again", name, cal.Version, signal, p.signals[i].version)
		}
	}
	c.signals = f.Signals
	p.policy.calibrations = append(p.policy.calibrations, c)
}

func (p *policyParser) secondOpinion(n *yaml.Node, at string) {
	var o judge.Options
	errs := len(p.errs)
	text := func(to *string) func(*yaml.Node, string) {
		return func(n *yaml.Node, _ string) { *to = n.Value }
	}
	p.fields(n, at, map[string]func(*yaml.Node, string){
		"url": text(&o.URL), "model": text(&o.Model),
		"key_file": func(n *yaml.Node, _ string) {
			if o.KeyFile = n.Value; !filepath.IsAbs(o.KeyFile) {
				o.KeyFile = filepath.Join(filepath.Dir(p.file), o.KeyFile)
			}
		},
		"between": func(n *yaml.Node, at string) {
			var list []float64
			if n.Decode(&list) != nil || len(list) != 2 {
				p.bad(n, at, "want two probabilities, like [0.3, 0.7]")
				return
			}
			o.Low, o.High = list[0], list[1]
		},
		"questions_per_hour": func(n *yaml.Node, at string) {
			if n.Decode(&o.QuestionsPerHour) != nil || o.QuestionsPerHour < 1 {
				p.bad(n, at, "%q is no number of questions above zero", n.Value)
			}
		},
		"timeout": func(n *yaml.Node, at string) {
			var err error
			if o.Timeout, err = time.ParseDuration(n.Value); err != nil || o.Timeout <= 0 {
				p.bad(n, at, "%q is no duration above zero, like 30s", n.Value)
			}
		},
	})
	if len(p.errs) > errs {
		return
	}
	j, err := judge.New(o)
	if err != nil {
		p.bad(n, at, "%v", err)
		return
	}
	p.policy.second = j
}

// ReadCalibration reads a file that `tiltmeter eval --calibrate` wrote.
func ReadCalibration(name string) (f CalibrationFile, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return f, fmt.Errorf("read calibration: %w", err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("read calibration %s: %w", name, err)
	}
	if len(f.Signals) == 0 {
		return f, fmt.Errorf("read calibration %s: it calibrates no signal; `tiltmeter eval --calibrate` writes such files", name)
	}
	return f, nil
}
