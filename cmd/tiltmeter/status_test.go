package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestStatusOfAProject: each number is the project's own where there is such a number, and what is
// stored comes from the store, as it must where another process writes.
func TestStatusOfAProject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, err := engine.Start(t.Context(), engine.Config{DataDir: dir, DisableFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	db, err := store.Open(t.Context(), store.Options{ClickHouse: e.ClickHouse(), TTLDays: store.MaxTTLDays})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log, err := spanlog.Open(t.Context(), spanlog.Options{Dir: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })

	reg := prometheus.NewRegistry()
	count := func(name string, labels []string, rows ...[]string) {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: "a test"}, labels)
		reg.MustRegister(c)
		for i, row := range rows {
			c.WithLabelValues(row...).Add(float64(10 * (i + 1)))
		}
	}
	count("tiltmeter_ingest_received_spans_total", []string{"project", "signal"}, []string{"shop", "traces"}, []string{"bank", "traces"}, []string{"shop", "logs"})
	count("tiltmeter_ingest_rejected_spans_total", []string{"project", "reason"}, []string{"shop", "no_id"}, []string{"bank", "no_id"})
	count("tiltmeter_ingest_requests_total", []string{"code"}, []string{"OK"}, []string{"200"}, []string{"400"})
	count("tiltmeter_writer_stored_spans_total", nil, nil) // of this process alone

	b := db.NewBatch()
	at := time.Now()
	for i, project := range []string{"shop", "shop", "shop", "bank"} {
		b.AddSpan(&genai.Span{Project: project, TraceID: genai.TraceID{1}, SpanID: genai.SpanID{byte(i + 1)}, Start: at, End: at})
	}
	b.AddLog(&store.Log{Project: "shop", Time: at, Seq: 1})
	b.AddFragment(&genai.Span{}, &store.Log{Project: "shop", TraceID: genai.TraceID{1}, SpanID: genai.SpanID{1}, Time: at, Seq: 2})
	if err := db.Insert(t.Context(), b, "a"); err != nil {
		t.Fatal(err)
	}

	view := newIngestView(&app{s: serveSettings{}, reg: reg, store: db, spans: log, started: at, required: true})
	got, err := view.Status(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	want := api.IngestStatus{
		ReceivedSpans: 10, ReceivedLogRecords: 30, RejectedSpans: map[string]int64{"no_id": 10}, StoredSpans: 3, StoredLogRecords: 2,
		ReceivedRequests: 60, AcknowledgedRequests: 30, StartedAt: at, EngineReady: true, KeyRequired: true,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(api.IngestStatus{}, "LogBytes", "LogMaxBytes")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// TestStatusSaysWhereToSend: the page shows what the server listens on, not what is usual.
func TestStatusSaysWhereToSend(t *testing.T) {
	t.Parallel()
	a := &app{s: serveSettings{tlsCert: "cert.pem"}}
	if got := a.receivers(); got != nil {
		t.Errorf("a process without the role ingest receives at %v", got)
	}
	log, err := spanlog.Open(t.Context(), spanlog.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	if a.otlp, err = otlp.New(otlp.Config{GRPCAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"}, otlp.Deps{Log: log, Registerer: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	if err := a.otlp.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.otlp.Shutdown(context.Background()) })
	want := []api.Receiver{
		{Protocol: "http/protobuf", Address: a.otlp.HTTPAddr().String(), TLS: true},
		{Protocol: "grpc", Address: a.otlp.GRPCAddr().String(), TLS: true},
	}
	if diff := cmp.Diff(want, a.receivers()); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
}

// TestDeadLettersInPages: pages follow each other without a gap, and know the sizes of payloads that they leave out.
func TestDeadLettersInPages(t *testing.T) {
	t.Parallel()
	log, err := spanlog.Open(t.Context(), spanlog.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	const letters = 13
	for i := range letters {
		letter := spanlog.DeadLetter{Reader: "writer", Seq: uint64(i + 1), Reason: "undecodable"}
		letter.Project, letter.Signal, letter.Payload = "shop", spanlog.SignalTraces, make([]byte, i+1)
		if err := log.DeadLetters().Put(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
	}
	view := newIngestView(&app{spans: log})
	var sizes int64
	after := ""
	for _, want := range []struct {
		n    int
		more bool
	}{{10, true}, {letters - 10, false}} {
		page, more, err := view.DeadLetters(t.Context(), after, 10)
		if err != nil || len(page) != want.n || more != want.more {
			t.Fatalf("behind %q: %d letters, more %t, %v; want %+v", after, len(page), more, err, want)
		}
		for _, l := range page {
			sizes += l.SizeBytes
		}
		after = page[len(page)-1].ID
	}
	if sizes != letters*(letters+1)/2 {
		t.Errorf("payloads of %d bytes in sum", sizes)
	}
}
