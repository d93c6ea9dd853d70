// Package bench measures ingest beside its limits, in one run on one machine: the whole server
// under GenAI traffic at full speed, what decoding alone costs, and what the engine alone costs for
// the same rows when they are ready.
//
// Absolute rates mean nothing on another machine; the ratios do. CPU is the user and system time
// of the server and its engine until everything is stored and merged.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
)

// Options is one benchmark.
type Options struct {
	Spans  int64
	Rounds int
	Batch  int
	Seed   uint64
	JSON   bool
	Out    io.Writer
}

// Flags binds the options to fs with their defaults.
func (o *Options) Flags(fs *pflag.FlagSet) {
	fs.Int64Var(&o.Spans, "spans", 300_000, "spans a round")
	fs.IntVar(&o.Rounds, "rounds", 3, "rounds; the table shows medians")
	fs.IntVar(&o.Batch, "batch", 200, "spans a request")
	fs.Uint64Var(&o.Seed, "seed", 1, "seed of the traffic")
	fs.BoolVar(&o.JSON, "json", false, "print JSON")
}

// Round is what one round measured. CPU is in seconds a million spans.
type Round struct {
	AckedPerSecond float64 `json:"acknowledged_spans_per_second"`
	AckP50         float64 `json:"ack_p50_ms"`
	AckP99         float64 `json:"ack_p99_ms"`
	ServerCPU      float64 `json:"server_cpu_seconds_per_million"` // Go process and engine, all
	GoCPU          float64 `json:"go_cpu_seconds_per_million"`     // of that, the Go process
	LoadingCPU     float64 `json:"loading_cpu_seconds_per_million"`
	Allocations    float64 `json:"allocations_per_span"`
	DiskBytes      float64 `json:"disk_bytes_per_span"`
	WireBytes      float64 `json:"wire_bytes_per_span"`
	IdleCPU        float64 `json:"idle_cpu_seconds_per_minute"`
	IdleGoRSS      int64   `json:"idle_go_rss_bytes"` // ready, before the first span
	IdleEngineRSS  int64   `json:"idle_engine_rss_bytes"`
	PeakRSS        int64   `json:"peak_rss_bytes"` // of both together, sampled
	PeakGoRSS      int64   `json:"peak_go_rss_bytes"`
	PeakEngineRSS  int64   `json:"peak_engine_rss_bytes"`
	AfterGoRSS     int64   `json:"after_go_rss_bytes"` // everything stored and merged
	AfterEngineRSS int64   `json:"after_engine_rss_bytes"`
	DecodeCPU      float64 `json:"pdata_unmarshal_cpu_seconds_per_million"`
	WalkCPU        float64 `json:"wire_walk_cpu_seconds_per_million"`
	EngineCPU      float64 `json:"engine_alone_cpu_seconds_per_million"` // ready rows of this schema
}

// Run measures and prints the table.
func Run(ctx context.Context, o Options) error {
	if o.Spans < 1 || o.Rounds < 1 || o.Batch < 1 {
		return errors.New("--spans, --rounds and --batch must be at least 1")
	}
	var rounds []Round
	for range o.Rounds {
		r, err := round(ctx, o)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	if o.JSON {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(rounds)
	}
	return table(o.Out, o, rounds)
}

func round(ctx context.Context, o Options) (r Round, err error) {
	if r, err = wholeServer(ctx, o); err != nil {
		return r, fmt.Errorf("measure the server: %w", err)
	}
	requests := loadgen.NewGenerator(o.Seed, o.Batch, 0, 1)
	decodeAlone(&r, o, requests)
	walkAlone(&r, o, requests)
	if err := engineAlone(ctx, &r, o, requests); err != nil {
		return r, fmt.Errorf("measure the engine alone: %w", err)
	}
	return r, nil
}

// wholeServer runs `serve` on an empty folder and sends at full speed.
func wholeServer(ctx context.Context, o Options) (r Round, err error) {
	dir, err := os.MkdirTemp("", "tiltmeter-bench-*")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, err := launch(ctx, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	if err := s.idle(ctx, &r); err != nil {
		return r, err
	}
	return r, s.load(ctx, o, &r)
}

// idle looks at the server before the first span.
func (s *server) idle(ctx context.Context, r *Round) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleFor):
	}
	after, err := s.usage()
	if err != nil {
		return err
	}
	r.IdleCPU = (after.cpu() - before.cpu()) / idleFor.Minutes()
	server, engine, err := s.resident()
	r.IdleGoRSS, r.IdleEngineRSS = server.now, engine.now
	return err
}

// load sends at full speed and waits until everything is stored and merged.
func (s *server) load(ctx context.Context, o Options, r *Round) error {
	before, err := s.usage()
	if err != nil {
		return err
	}
	mallocs, err := s.counter(ctx, allocated)
	if err != nil {
		return err
	}
	watched, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	most := make(chan int64, 1)
	go func() { most <- s.watchMemory(watched) }()
	sent, err := loadgen.Measure(ctx, loadgen.Options{
		Endpoint: s.grpc, Spans: o.Spans, Batch: o.Batch, Seed: o.Seed, Connections: 4, Compression: "none",
		Timeout: 30 * time.Second, RetryFor: time.Minute,
	})
	if err != nil {
		return err
	}
	loaded, err := s.usage()
	if err != nil {
		return err
	}
	after, err := s.settle(ctx, sent.AckedSpans)
	if err != nil {
		return err
	}
	stopWatching()
	r.PeakRSS = <-most
	server, engine, err := s.resident()
	if err != nil {
		return err
	}
	r.PeakGoRSS, r.PeakEngineRSS, r.AfterGoRSS, r.AfterEngineRSS = server.peak, engine.peak, server.now, engine.now
	mallocsAfter, err := s.counter(ctx, allocated)
	if err != nil {
		return err
	}
	disk, err := s.diskBytes(ctx)
	n := float64(sent.AckedSpans)
	r.AckedPerSecond, r.AckP50, r.AckP99 = sent.SpansPerSecond, sent.Service.P50, sent.Service.P99
	r.ServerCPU = (after.cpu() - before.cpu()) / n * 1e6
	r.GoCPU = (after.goCPU - before.goCPU) / n * 1e6
	r.LoadingCPU = (loaded.cpu() - before.cpu()) / n * 1e6
	r.Allocations, r.DiskBytes, r.WireBytes = (mallocsAfter-mallocs)/n, disk/n, sent.BytesPerSpan
	return err
}

// The target, in CPU seconds a million spans, with what the engine and pdata alone took in the
// campaign that set it: on another machine only the ratios are to be compared. That machine: 2 shared
// cores, the engine inserting Native blocks of 50,000 rows, 1,418 bytes a span.
const (
	targetCPU       = 28.0
	targetEngineCPU = 16.2
	targetDecodeCPU = 2.21
)

func table(out io.Writer, o Options, rounds []Round) error {
	m := func(f func(Round) float64) float64 { return median(rounds, f) }
	mib := func(f func(Round) int64) float64 {
		return m(func(r Round) float64 { return float64(f(r)) }) / (1 << 20)
	}
	fmt.Fprintf(out, "%d spans a round, %d a request, %.0f bytes a span, %d rounds (medians), %d cores, %s\n\n",
		o.Spans, o.Batch, m(func(r Round) float64 { return r.WireBytes }), len(rounds), runtime.NumCPU(), runtime.Version())
	server := m(func(r Round) float64 { return r.ServerCPU })
	alone := m(func(r Round) float64 { return r.EngineCPU })
	decode := m(func(r Round) float64 { return r.DecodeCPU })
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "CPU seconds a million spans\tCPU s\ttimes the engine\ttimes pdata\t")
	for _, row := range []struct {
		name string
		v    float64
	}{
		{"server, socket to merged parts", server},
		{"  of it the Go process", m(func(r Round) float64 { return r.GoCPU })},
		{"  of it until the last acknowledgement", m(func(r Round) float64 { return r.LoadingCPU })},
		{"limit: engine alone, ready rows", alone},
		{"limit: pdata unmarshal alone", decode},
		{"limit: wire walk alone", m(func(r Round) float64 { return r.WalkCPU })},
	} {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.1f\t\n", row.name, row.v, row.v/alone, row.v/decode)
	}
	fmt.Fprintf(w, "target for the server, at most\t%.0f\t%.2f\t%.1f\t\n", targetCPU, targetCPU/targetEngineCPU, targetCPU/targetDecodeCPU)
	fmt.Fprintln(w, "\t\t\t\t")
	fmt.Fprintf(w, "acknowledged spans a second\t%.0f\t\t\t\n", m(func(r Round) float64 { return r.AckedPerSecond }))
	fmt.Fprintf(w, "stored spans a CPU second\t%.0f\t\t\t\n", 1e6/server)
	fmt.Fprintf(w, "acknowledgement p50, p99 (ms)\t%.1f\t%.1f\t\t\n",
		m(func(r Round) float64 { return r.AckP50 }), m(func(r Round) float64 { return r.AckP99 }))
	fmt.Fprintf(w, "allocations a span (Go)\t%.1f\t\t\t\n", m(func(r Round) float64 { return r.Allocations }))
	fmt.Fprintf(w, "bytes on disk a span\t%.0f\t\t\t\n", m(func(r Round) float64 { return r.DiskBytes }))
	fmt.Fprintf(w, "idle CPU seconds a minute\t%.2f\t\t\t\n", m(func(r Round) float64 { return r.IdleCPU }))
	fmt.Fprintln(w, "\t\t\t\t")
	fmt.Fprintln(w, "resident memory (MiB)\tboth\tGo\tengine\t")
	fmt.Fprintf(w, "idle, before the first span\t%.0f\t%.0f\t%.0f\t\n", mib(func(r Round) int64 { return r.IdleGoRSS + r.IdleEngineRSS }),
		mib(func(r Round) int64 { return r.IdleGoRSS }), mib(func(r Round) int64 { return r.IdleEngineRSS }))
	fmt.Fprintf(w, "peak\t%.0f\t%.0f\t%.0f\t\n", mib(func(r Round) int64 { return r.PeakRSS }),
		mib(func(r Round) int64 { return r.PeakGoRSS }), mib(func(r Round) int64 { return r.PeakEngineRSS }))
	fmt.Fprintf(w, "idle again, all stored and merged\t%.0f\t%.0f\t%.0f\t\n", mib(func(r Round) int64 { return r.AfterGoRSS + r.AfterEngineRSS }),
		mib(func(r Round) int64 { return r.AfterGoRSS }), mib(func(r Round) int64 { return r.AfterEngineRSS }))
	return w.Flush()
}

func median(rounds []Round, f func(Round) float64) float64 {
	var vs []float64
	for _, r := range rounds {
		vs = append(vs, f(r))
	}
	slices.Sort(vs)
	if n := len(vs); n%2 == 0 {
		return (vs[n/2-1] + vs[n/2]) / 2
	}
	return vs[len(vs)/2]
}

// binary is this program, or the one named by TILTMETER_BENCH_BINARY.
func binary() (string, error) {
	if path := os.Getenv("TILTMETER_BENCH_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	return os.Executable()
}

func command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	exe, err := binary()
	if err != nil {
		return nil, fmt.Errorf("find the binary: %w", err)
	}
	return exec.CommandContext(ctx, exe, args...), nil
}
