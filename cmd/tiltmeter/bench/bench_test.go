package bench

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/analyzers"
)

func TestTableShowsTheTargetBesideTheLimits(t *testing.T) {
	t.Parallel()
	r := Round{
		ServerCPU: 24, GoCPU: 8, LoadingCPU: 14, EngineCPU: 16, DecodeCPU: 2, WalkCPU: 0.5, AckedPerSecond: 40_000,
		IdleGoRSS: 50 << 20, IdleEngineRSS: 250 << 20, PeakRSS: 900 << 20, PeakGoRSS: 500 << 20, PeakEngineRSS: 450 << 20,
	}
	other := r
	other.ServerCPU = 100
	var out strings.Builder
	if err := table(&out, Options{Spans: 1000, Batch: 10}, []Round{other, r, r}); err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		for i, f := range fields {
			if strings.Trim(f, "0123456789.") == "" {
				lines[strings.Join(fields[:i], " ")] = strings.Join(fields[i:], " ")
				break
			}
		}
	}
	for name, want := range map[string]string{
		"server, socket to merged parts": "24.00 1.50 12.0",
		"target for the server, at most": "28 1.73 12.7",
		"idle, before the first span":    "300 50 250",
		"peak":                           "900 500 450",
	} {
		if lines[name] != want {
			t.Errorf("%s: %q, want %q in\n%s", name, lines[name], want, out.String())
		}
	}
}

// A process of which it cannot be told whether it merges must not pass for one that has merged all.
func TestMergesOfAnotherProcessAreAnError(t *testing.T) {
	t.Parallel()
	if err := merged(context.Background(), os.Getpid(), func() error { return nil }); err == nil || !strings.Contains(err.Error(), mergeThread) {
		t.Errorf("error %v", err)
	}
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	m, err := memoryOf(os.Getpid())
	if err != nil || m.now < 1<<20 || m.peak < m.now/2 {
		t.Errorf("memory %+v, %v", m, err)
	}
	if _, err := cpuSeconds(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := memoryOf(1 << 30); err == nil {
		t.Error("a process that is not there has memory")
	}
}

// silent is an analyzer that says nothing.
type silent struct{}

func (silent) Describe() analyzers.Description { return analyzers.Description{Name: "silent"} }

func (silent) Analyze(_ context.Context, _ *analyzers.Input, dst []analyzers.Signal) ([]analyzers.Signal, error) {
	return dst, nil
}

func TestDetectorsAreMeasuredAtTheirSizes(t *testing.T) {
	for _, in := range answersOf(3, 20) {
		var said, given int
		for _, text := range analyzers.Said(nil, in.Span) {
			said += len(text.Content)
		}
		for _, text := range analyzers.Given(nil, &in) {
			if text.Origin == analyzers.Document {
				given += len(text.Content)
			}
		}
		if said != answerChars || given != contextChars {
			t.Errorf("an answer of %d characters to a context of %d", said, given)
		}
	}
	var out strings.Builder
	o := DetectorOptions{Answers: 20, Rounds: 3, Out: &out, Analyzers: []analyzers.Analyzer{silent{}, silent{}}}
	if err := RunDetectors(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "silent"); n != 2 || !strings.Contains(out.String(), "goal") || !strings.Contains(out.String(), "all") {
		t.Errorf("table:\n%s", out.String())
	}
}
