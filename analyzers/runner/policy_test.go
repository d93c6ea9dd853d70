package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/tiltmeter/tiltmeter/analyzers"
	"github.com/tiltmeter/tiltmeter/analyzers/stats"
)

var known = []analyzers.Description{
	{Name: "refusal", Version: 2, Signals: []analyzers.SignalDescription{{Name: "refusal"}, {Name: "refusal.full"}}},
	{Name: "leakage", Version: 1, Signals: []analyzers.SignalDescription{{Name: "leakage"}}},
}

func parse(t *testing.T, file, text string) (*Policy, error) {
	t.Helper()
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	section := doc["analyzers"]
	return ParsePolicy(file, &section, known)
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cal.json"), []byte(`{"signals":{"refusal":{"scores":[0,2],"probabilities":[0.2,0.6],"analyzer":"refusal","version":2,"items":9,"positives":4,"measured":{"true_positives":3}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := parse(t, filepath.Join(dir, "tiltmeter.yaml"), `
analyzers:
  rules:
    - analyzers: [leakage]
      enabled: false
    - services: ["batch-*"]
      sample: 0.25
      budget: 20ms
    - services: ["batch-mail"]
      analyzers: [leakage, refusal]
  calibration:
    - file: cal.json
      projects: [shop]
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		analyzer, service string
		want              Rule
	}{
		{"refusal", "chat", everything},
		{"leakage", "chat", Rule{Enabled: false, Sample: 1, Budget: DefaultBudget}},
		{"leakage", "batch-1", Rule{Enabled: true, Sample: 0.25, Budget: 20 * time.Millisecond}},
		{"leakage", "batch-mail", everything},
	} {
		got := *p.of(c.analyzer, "shop", c.service)
		got.Analyzers, got.Services = nil, nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", c.analyzer, c.service, diff)
		}
	}
	cal := p.calibration("shop", "refusal")
	if cal == nil || cal.Probability(1) != 0.4 || cal.Measured != (stats.Confusion{TruePositives: 3}) || cal.Items != 9 {
		t.Errorf("calibration of the shop: %+v", cal)
	}
	if p.calibration("other", "refusal") != nil || p.calibration("shop", "leakage") != nil {
		t.Error("a calibration of another project or signal")
	}
}

func TestPolicyMistakes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "t.yaml")
	old := filepath.Join(filepath.Dir(file), "old.json")
	if err := os.WriteFile(old, []byte(`{"signals":{"refusal":{"scores":[],"probabilities":[],"version":1}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := parse(t, file, `
analyzers:
  rules:
    - analyzers: [refusals]
      sampel: 0.1
      sample: 2
      budget: soon
      services: ["[a"]
      enabled: perhaps
  calibration:
    - projects: [a]
    - file: old.json
  more: 1
  second_opinion:
    url: ftp://x
    model: m
`)
	got := strings.ReplaceAll(err.Error(), filepath.Dir(file)+string(filepath.Separator), "")
	if diff := cmp.Diff(`t.yaml:4: analyzers.rules[0].analyzers: no analyzer is called "refusals"; there are refusal, leakage
t.yaml:5: analyzers.rules[0].sampel: no such field; there are analyzers, budget, enabled, projects, sample, services
t.yaml:6: analyzers.rules[0].sample: "2" is no share: want a number between 0 and 1
t.yaml:7: analyzers.rules[0].budget: "soon" is no duration above zero, like 20ms
t.yaml:8: analyzers.rules[0].services: "[a" is no pattern: syntax error in pattern
t.yaml:9: analyzers.rules[0].enabled: "perhaps" is neither true nor false
t.yaml:11: analyzers.calibration[0].file: is missing: want the file that `+"`tiltmeter eval --calibrate`"+` wrote
t.yaml:12: analyzers.calibration[1].file: old.json calibrates version 1 of refusal, and this is version 2, whose scores are others: calibrate again
t.yaml:13: analyzers.more: no such field; there are calibration, rules, second_opinion
t.yaml:15: analyzers.second_opinion: url: "ftp://x" is no http or https address`, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// TestSampleIsOfTraces: the share is kept, for ids that are random and for those that count up.
func TestSampleIsOfTraces(t *testing.T) {
	t.Parallel()
	r := Rule{Enabled: true, Sample: 0.2}
	n := 0
	for i := range uint64(10_000) {
		if r.takes(sampleOf(traceID(i))) {
			n++
		}
	}
	if n < 1900 || n > 2100 {
		t.Errorf("%d of 10,000 traces; want about 2,000", n)
	}
}
