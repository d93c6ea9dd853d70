package main

import (
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
)

const mebibyte = int64(1 << 20)

const (
	// maxIdle is the promise for an idle server, its engine included: 600 MB.
	maxIdle = 600_000_000
	// With a cap of 1 GiB the engine refuses work rather than pass it.
	engineCap = 1 << 30
	// maxGo is what the Go process may hold with batches of 8 MiB: two of them with three times their
	// bytes in columns (48 MiB), the log's block and the known contents (64 MiB each), requests on
	// their way and 50 MiB of an idle process, about 250 MiB; twice that, since garbage is collected
	// when the heap has doubled. It has no limit of its own that it would be held to. A process that
	// kept what it is sent would pass it: 50 MiB, 280 MiB of spans and the garbage that goes with them.
	maxGo = 512 << 20
	// maxAfter is what the Go process may hold a while after a load: that of an idle one, and the known contents.
	maxAfter = 200 << 20
)

// resident is the memory of the server and of its engine.
func (s *server) resident() (server, engine int64) {
	return rssBytes(s.cmd.Process.Pid), rssBytes(s.enginePID())
}

// peakWhile is the most that the server and its engine held, each by itself, while do ran.
func (s *server) peakWhile(do func()) (server, engine int64) {
	ended, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			a, b := s.resident()
			server, engine = max(server, a), max(engine, b)
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(ended)
	<-sampled
	return server, engine
}

// send sends spans at full speed and waits until they are stored; it says how many bytes they had.
func (s *server) send(seed uint64, spans int64) (payload int64) {
	s.t.Helper()
	r, err := loadgen.Measure(s.t.Context(), loadgen.Options{
		Endpoint: s.grpc, Seed: seed, Spans: spans, Batch: 200, Timeout: patient, RetryFor: patient,
	})
	if err != nil || r.AckedSpans != spans {
		s.t.Errorf("%d of %d spans acknowledged: %v", r.AckedSpans, spans, err)
	}
	if !eventually(patient, func() bool {
		var status struct {
			Log struct{ PendingMessages string }
		}
		getJSON(s.t, s.url()+"/v1/ingest/status", &status)
		return status.Log.PendingMessages == "0" || status.Log.PendingMessages == ""
	}) {
		s.t.Error("the spans are not stored")
	}
	return r.Bytes
}

// Memory follows the settings, not what has come in: it is as large after much as after little.
func TestMemoryIsBounded(t *testing.T) {
	s := newServer(t, "--data-dir", t.TempDir(), "--engine-memory", "1GiB", "--batch-rows", "5000", "--batch-bytes", "8MiB")
	s.start()
	server, engine := s.resident()
	t.Logf("idle: server %d MiB, engine %d MiB", server/mebibyte, engine/mebibyte)
	if server == 0 || engine == 0 || server+engine > maxIdle {
		t.Errorf("the idle server holds %d bytes and its engine %d, together more than %d", server, engine, maxIdle)
	}

	var payload int64
	server, engine = s.peakWhile(func() { payload = s.send(1, 200_000) })
	t.Logf("peak with 200,000 spans, %d MiB: server %d MiB, engine %d MiB", payload/mebibyte, server/mebibyte, engine/mebibyte)
	if server > maxGo || engine > engineCap {
		t.Errorf("the server took %d bytes and its engine %d; at most %d and %d", server, engine, maxGo, engineCap)
	}

	// What a load took is given back when it is over.
	if !eventually(patient, func() bool { server, _ = s.resident(); return server < maxAfter }) {
		t.Errorf("the server still holds %d bytes", server)
	}
	t.Logf("afterwards: server %d MiB", server/mebibyte)
}
