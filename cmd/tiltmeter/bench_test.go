package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/bench"
)

// TestBench runs it small, and wants every figure of the table measured.
func TestBench(t *testing.T) {
	t.Setenv(asBinary, "1") // the server that bench starts is this test binary
	var out strings.Builder
	if err := bench.Run(t.Context(), bench.Options{Spans: 10_000, Rounds: 1, Batch: 200, Seed: 1, JSON: true, Out: &out}); err != nil {
		t.Fatal(err)
	}
	var rounds []map[string]float64
	if err := json.Unmarshal([]byte(out.String()), &rounds); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	for name, v := range rounds[0] {
		if v <= 0 && name != "idle_cpu_seconds_per_minute" { // in ticks of 10 ms, of which five idle seconds may see none
			t.Errorf("%s is %g", name, v)
		}
	}
}
