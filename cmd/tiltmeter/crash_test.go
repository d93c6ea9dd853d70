package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server" //nolint:depguard // what --nats-url points at must be somebody else's

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// load sends traffic while disturb runs, and then holds what the server stored against what it
// acknowledged: every trace in the list (the summaries), the rows of spans, and a large sample span by
// span. recount looks at the tables themselves afterwards.
func load(t *testing.T, o loadgen.Options, disturb func(ctx context.Context)) *loadgen.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	disturbed, stopDisturbing := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { disturb(disturbed) })

	o.Connections, o.RetryFor = 4, 5*time.Minute
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	o.Compression, o.VerifyTimeout = "none", 3*time.Minute
	if o.VerifySample == 0 {
		o.VerifySample = 400
	}
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
	if v.StoredSpans < v.AckedSpans || v.StoredSpans > v.AckedSpans+v.UnknownSpans {
		t.Errorf("%d spans are stored, %d acknowledged and %d unknown", v.StoredSpans, v.AckedSpans, v.UnknownSpans)
	}
	if v.AckedSpans == 0 || v.TracesCompared == 0 || !v.RowsCompared {
		t.Errorf("nothing was measured: %+v", v)
	}
	return report
}

// recountStopped stops the server and looks into the folder it leaves.
func recountStopped(t *testing.T, s *server, dir string, spans int64) {
	t.Helper()
	if code := s.stop(); code != 0 {
		t.Fatalf("exit code %d after SIGTERM", code)
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
	checkTables(t, e, spans)
}

func checkTables(t *testing.T, e *engine.Engine, spans int64) {
	t.Helper()
	r := recount(t, e, store.DefaultDatabase)
	t.Logf("the tables hold %+v", r)
	for _, p := range r.wrong(spans) {
		t.Error(p)
	}
}

// duplicates is how many requests the server has recognised as sent before.
func duplicates(t *testing.T, s *server) (n int64) {
	t.Helper()
	code, body := get(s.url() + "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", code, body)
	}
	for line := range strings.Lines(body) {
		if series, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(series, "tiltmeter_ingest_duplicate_requests_total") {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			n += int64(v)
		}
	}
	return n
}

func TestEverySpanOnceThroughKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir, "--flush-every", "200ms")
	s.start()
	rng := rand.New(rand.NewPCG(1, 2))
	const kills = 22
	done := make(chan struct{})
	r := load(t, loadgen.Options{
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
	recountStopped(t, s, dir, r.Verify.StoredSpans)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// patient is the timeout of an attempt where none may end by itself, on a machine that is busy with
// other tests.
const patient = 2 * time.Minute

func TestRetriedRequestsAreStoredOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir)
	s.start()
	r := load(t, loadgen.Options{
		Endpoint: s.grpc, Verify: s.url(), Seed: 8, Spans: 20_000, RetryAll: true, Timeout: patient,
	}, func(context.Context) {})
	if r.AckedRequests != 200 || r.ResentRequests != r.AckedRequests || r.ResendsFailed > 0 || r.Retries > 0 {
		t.Errorf("%d requests acknowledged, %d sent again, %d of them in vain, %d other retries",
			r.AckedRequests, r.ResentRequests, r.ResendsFailed, r.Retries)
	}
	if n := duplicates(t, s); n != r.ResentRequests {
		t.Errorf("the server recognised %d of %d requests that it had", n, r.ResentRequests)
	}
	if r.Verify.StoredSpans != 20_000 {
		t.Errorf("%d of 20,000 spans are stored", r.Verify.StoredSpans)
	}
	recountStopped(t, s, dir, 20_000)
}

// The client gives up while the server works on the request, and the retry may meet the first attempt.
func TestTimedOutRequestsAreStoredOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir)
	s.start()
	var dropped int64
	for _, overHTTP := range []bool{false, true} {
		endpoint, seed := s.grpc, uint64(11)
		if overHTTP {
			endpoint, seed = s.otlpHTTP, 12
		}
		r := load(t, loadgen.Options{
			Endpoint: endpoint, HTTP: overHTTP, Verify: s.url(), Seed: seed, Spans: 20_000, DropFirst: true, Timeout: patient, VerifySample: 100,
		}, func(context.Context) {})
		if r.AckedRequests != 200 || r.DroppedAnswers != r.AckedRequests {
			t.Errorf("%d requests acknowledged, %d hung up on", r.AckedRequests, r.DroppedAnswers)
		}
		if r.Verify.StoredSpans != 20_000 {
			t.Errorf("http=%v: %d of 20,000 spans are stored", overHTTP, r.Verify.StoredSpans)
		}
		dropped += r.DroppedAnswers
	}
	// A first attempt that was cut off before it reached the log makes no duplicate; were there none,
	// nothing would have been tested.
	if n := duplicates(t, s); n == 0 || n > dropped {
		t.Errorf("the server recognised %d requests that it had, of %d that were sent twice", n, dropped)
	} else {
		t.Logf("%d of %d first attempts had reached the log", n, dropped)
	}
	recountStopped(t, s, dir, 40_000)
}

// outside is a NATS server and a ClickHouse that are not the server's own: what --nats-url and
// --clickhouse-dsn point at. The ClickHouse is reached through a door that can be shut.
type outside struct {
	nats   *natsserver.Server
	engine *engine.Engine
	dsn    string
	door   *door
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
	return &outside{nats: ns, engine: eng, dsn: dsn.String(), door: d}
}

// args are the flags of a process that uses both, in the given role.
func (o *outside) args(t *testing.T, roles string) []string {
	t.Helper()
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
	rng := rand.New(rand.NewPCG(3, 4))
	const kills = 20
	done := make(chan struct{})
	r := load(t, loadgen.Options{
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
	writer.kill()
	checkTables(t, o.engine, r.Verify.StoredSpans)
}

func TestIngestGoesOnWhileClickHouseIsAway(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	s := newServer(t, o.args(t, "ingest,write,api")...)
	s.start()
	const away = time.Minute
	r := load(t, loadgen.Options{
		Endpoint: s.grpc, Verify: s.url(), Seed: 10, Rate: 500, Duration: away + 15*time.Second, Timeout: patient,
	}, func(ctx context.Context) {
		pause(ctx, 2*time.Second)
		o.door.shut()
		pause(ctx, away)
		if code, body := get(s.url() + "/readyz"); code == 200 {
			t.Errorf("/readyz is happy without ClickHouse: %s", body)
		}
		o.door.open()
	})
	// Back-pressure would come as retries, and end as unknown.
	if r.FailedRequests > 0 || r.Retries > 0 || r.UnknownRequests > 0 || r.UnsentRequests > 0 {
		t.Errorf("while ClickHouse was away %d requests were refused, %d retried, %d given up, %d not sent: %v",
			r.FailedRequests, r.Retries, r.UnknownRequests, r.UnsentRequests, r.AttemptsFailed)
	}
	s.kill()
	checkTables(t, o.engine, r.Verify.StoredSpans)
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
