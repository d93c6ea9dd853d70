package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// limitSpans is how many spans the steps that run alone are measured on.
const limitSpans = 100_000

// alone gives each request to do until limitSpans have passed and returns CPU seconds a million spans.
func alone(o Options, requests *loadgen.Generator, do func([]byte)) float64 {
	n := max(1, limitSpans/o.Batch)
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = requests.Request(uint64(i), time.Now())
	}
	runtime.GC() // what came before is not this step's garbage
	began := selfCPU()
	for _, b := range bodies {
		do(b)
	}
	return (selfCPU() - began) / float64(n*o.Batch) * 1e6
}

func decodeAlone(r *Round, o Options, requests *loadgen.Generator) {
	r.DecodeCPU = alone(o, requests, func(b []byte) {
		if err := ptraceotlp.NewExportRequest().UnmarshalProto(b); err != nil {
			panic(err) // our own generator's request
		}
	})
}

func walkAlone(r *Round, o Options, requests *loadgen.Generator) {
	r.WalkCPU = alone(o, requests, func(b []byte) {
		if _, err := wire.ValidateTraces(b, wire.Limits{}.WithDefaults()); err != nil {
			panic(err) // our own generator's request
		}
	})
}

// engineAlone inserts the same spans as ready rows, in batches as large as the writer's, and counts
// only the engine's time.
func engineAlone(ctx context.Context, r *Round, o Options, requests *loadgen.Generator) (err error) {
	dir, err := os.MkdirTemp("", "tiltmeter-bench-engine-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	eng, err := engine.Start(ctx, engine.Config{
		DataDir: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, eng.Close(context.WithoutCancel(ctx))) }()
	st, err := store.New(store.Options{ClickHouse: eng.ClickHouse()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := st.Migrate(ctx); err != nil {
		return err
	}
	before, err := cpuSeconds(eng.PID())
	if err != nil {
		return err
	}
	spans, err := insertReady(ctx, st, o, requests)
	if err != nil {
		return err
	}
	var after float64
	if err := merged(ctx, eng.PID(), func() (err error) { after, err = cpuSeconds(eng.PID()); return err }); err != nil {
		return err
	}
	r.EngineCPU = (after - before) / float64(spans) * 1e6
	return nil
}

func insertReady(ctx context.Context, st *store.Store, o Options, requests *loadgen.Generator) (spans int64, err error) {
	norm, b := dialect.New(dialect.Options{}), st.NewBatch()
	var span genai.Span
	flush := func() error {
		if b.Rows() == 0 {
			return nil
		}
		spans += int64(b.Rows())
		defer b.Reset()
		return st.Insert(ctx, b, rand.Text())
	}
	for seq := uint64(0); spans+int64(b.Rows()) < o.Spans; seq++ {
		for t := wire.ReadTraces(requests.Request(seq, time.Now())); t.Next(); {
			norm.Span(&span, t.Resource(), t.Scope(), t.Span())
			span.Project = "default"
			b.AddSpan(&span)
		}
		if b.Rows() >= 50_000 {
			if err := flush(); err != nil {
				return spans, err
			}
		}
	}
	return spans, flush()
}

// selfCPU is the user and system time of this process, in seconds.
func selfCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // RUSAGE_SELF of oneself cannot fail
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
