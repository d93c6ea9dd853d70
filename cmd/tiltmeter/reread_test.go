package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestRereadThroughKills kills rereadings and repricings at random moments, and servers that start behind them, and holds
// that every span is there once, with its summary, and that the last run finished what the killed ones had begun.
func TestRereadThroughKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir)
	s.start()
	r := load(t, loadgen.Options{Endpoint: s.grpc, Verify: s.url(), Seed: 21, Spans: 6_000}, func(context.Context) {})
	if code := s.stop(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	run := func(kind string, n int) *server {
		var prices strings.Builder
		prices.WriteString(header)
		for _, provider := range []string{"openai", "anthropic", "gcp.gemini", "gcp.vertex_ai", "aws.bedrock", "mistral_ai", "cohere"} {
			fmt.Fprintf(&prices, "%s,*,%d,%d\n", provider, n+1, n+2)
		}
		path := filepath.Join(t.TempDir(), fmt.Sprintf("prices-%d.csv", n))
		if err := os.WriteFile(path, []byte(prices.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &server{t: t, args: []string{kind, "--data-dir", dir, "--since", "2d", "--prices", path}}
		c.launch()
		return c
	}
	began := time.Now()
	whole := run("reread", 0) // how long it takes undisturbed
	<-whole.exited
	if code := whole.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d: %s", code, whole.logged())
	}
	took := time.Since(began)
	for n := 1; n <= 12; n++ {
		kind := []string{"reread", "reprice"}[n%2]
		c := run(kind, n)
		pause(t.Context(), took/4+time.Duration(rng.Int64N(int64(took))))
		c.kill()
		if n%4 == 0 {
			s.start() // it finishes a day that is whole, before it writes
			load(t, loadgen.Options{Endpoint: s.grpc, Verify: s.url(), Seed: uint64(30 + n), Spans: 500, VerifySample: 50}, func(context.Context) {})
			r.Verify.StoredSpans += 500
			s.kill()
		}
	}
	last := run("reprice", 99)
	<-last.exited
	if code := last.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit code %d: %s", code, last.logged())
	}
	e, err := engine.Start(t.Context(), engine.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	checkTables(t, e, r.Verify.StoredSpans)
	if got := statement(t, e, store.DefaultDatabase, "SELECT countIf(cost_source LIKE 'prices-99.csv%') > 100, countIf(cost_source LIKE 'prices-%' AND cost_source NOT LIKE 'prices-99.csv%') FROM spans"); got != "1\t0\n" {
		t.Errorf("spans with the last prices, and with others: %q", got)
	}
	if got := statement(t, e, store.DefaultDatabase, "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name LIKE 'reread%'"); got != "0\n" {
		t.Errorf("%q tables are left behind", got)
	}
}
