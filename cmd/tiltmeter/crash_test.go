package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// load sends traffic while disturb runs, and then holds what the server stored against what it
// acknowledged: every trace in the list (the summaries) and every one of a large sample span by span.
func load(t *testing.T, o loadgen.Options, disturb func(ctx context.Context)) *loadgen.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	disturbed, stopDisturbing := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { disturb(disturbed) })

	o.Connections, o.Timeout, o.RetryFor = 4, 5*time.Second, 5*time.Minute
	o.Compression, o.VerifyTimeout, o.VerifySample = "none", 3*time.Minute, 400
	if o.Batch == 0 {
		o.Batch = 100
	}
	report, err := loadgen.Measure(ctx, o)
	stopDisturbing()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	v := report.Verify
	t.Logf("acknowledged %d spans (%d unknown), stored %d; %d traces counted, %d compared span by span",
		v.AckedSpans, v.UnknownSpans, v.StoredSpans, v.TracesCounted, v.TracesCompared)
	if !v.OK {
		t.Errorf("the server does not hold exactly what it acknowledged: %q", v.Problems)
	}
	if v.AckedSpans == 0 || v.TracesCompared == 0 {
		t.Errorf("nothing was measured: %+v", v)
	}
	return report
}

func TestEverySpanOnceThroughKills(t *testing.T) {
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "200ms")
	s.start()
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // moments of a test
	const kills = 22
	done := make(chan struct{})
	load(t, loadgen.Options{
		Endpoint: s.grpc, Verify: s.url(), Seed: 7, Rate: 2000, Duration: 100 * time.Second, Stop: done,
	}, func(ctx context.Context) {
		defer close(done)
		for n := range kills {
			if !pause(ctx, 200*time.Millisecond+time.Duration(rng.Int64N(int64(1500*time.Millisecond)))) {
				t.Errorf("only %d of %d kills fell into the load", n, kills)
				return
			}
			if pid := s.enginePID(); n%2 == 0 && pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
				continue
			}
			s.kill()
			s.launch()
			if n%4 == 1 {
				s.waitReady() // the others are killed while they start
			}
		}
		s.waitReady()
	})
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func TestRetriedRequestsAreStoredOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--data-dir", t.TempDir())
	s.start()
	r := load(t, loadgen.Options{Endpoint: s.grpc, Verify: s.url(), Seed: 8, Spans: 20_000, RetryAll: true}, func(context.Context) {})
	if r.Verify.StoredSpans != r.Verify.AckedSpans {
		t.Errorf("every request was sent twice: %d spans stored, %d acknowledged", r.Verify.StoredSpans, r.Verify.AckedSpans)
	}
}

// outside is a NATS server and a ClickHouse that are not the server's own: what --nats-url and
// --clickhouse-dsn point at. The ClickHouse is reached through a door that can be shut.
type outside struct {
	nats *natsserver.Server
	dsn  string
	door *door
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	ns, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 32 << 20, NoLog: true, NoSigs: true,
		SyncAlways: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server did not start")
	}
	eng, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	d := newDoor(t, eng.Dial)
	dsn := url.URL{Scheme: "http", Host: d.addr, Path: "/tiltmeter"}
	return &outside{nats: ns, dsn: dsn.String(), door: d}
}

// args are the flags of a process that uses both, in the given role.
func (o *outside) args(t *testing.T, roles string) []string {
	return []string{
		"--data-dir", t.TempDir(), "--nats-url", o.nats.ClientURL(), "--clickhouse-dsn", o.dsn,
		"--roles", roles, "--flush-every", "100ms",
	}
}

func TestEverySpanOnceThroughKillsOfTheWriter(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	front := newServer(t, o.args(t, "ingest,api")...)
	writer := newServer(t, o.args(t, "write")...)
	front.start()
	writer.start()
	rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // moments of a test
	const kills = 20
	done := make(chan struct{})
	load(t, loadgen.Options{
		Endpoint: front.grpc, Verify: front.url(), Seed: 9, Rate: 1500, Duration: 100 * time.Second, Stop: done,
	}, func(ctx context.Context) {
		defer close(done)
		for n := range kills {
			if !pause(ctx, 100*time.Millisecond+time.Duration(rng.Int64N(int64(1200*time.Millisecond)))) {
				t.Errorf("only %d of %d kills fell into the load", n, kills)
				return
			}
			writer.kill()
			writer.launch()
		}
		writer.waitReady()
	})
}

func TestIngestGoesOnWhileClickHouseIsAway(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	s := newServer(t, o.args(t, "ingest,write,api")...)
	s.start()
	const away = time.Minute
	r := load(t, loadgen.Options{
		Endpoint: s.grpc, Verify: s.url(), Seed: 10, Rate: 500, Duration: away + 15*time.Second,
	}, func(ctx context.Context) {
		pause(ctx, 2*time.Second)
		o.door.shut()
		pause(ctx, away)
		if code, body := get(s.url() + "/readyz"); code == 200 {
			t.Errorf("/readyz is happy without ClickHouse: %s", body)
		}
		o.door.open()
	})
	if r.FailedRequests > 0 {
		t.Errorf("%d requests were refused while ClickHouse was away", r.FailedRequests)
	}
}

// door forwards TCP connections to dial, unless it is shut: then it refuses and cuts.
type door struct {
	addr string
	dial func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	closed bool // mu guards everything from here
	conns  map[net.Conn]bool
}

func newDoor(t *testing.T, dial func(context.Context) (net.Conn, error)) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &door{addr: l.Addr().String(), dial: dial, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c)
		}
	}()
	return d
}

func (d *door) pass(c net.Conn) {
	defer c.Close()
	d.mu.Lock()
	closed := d.closed
	d.conns[c] = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	if closed {
		return
	}
	up, err := d.dial(context.Background())
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(up, c) // ends with either side
		up.Close()
	}()
	_, _ = io.Copy(c, up) // ends with either side
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.conns {
		c.Close()
	}
}

func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = false
}
