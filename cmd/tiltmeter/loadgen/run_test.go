package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func newPCG(seed uint64) *rand.PCG { return rand.NewPCG(seed, seed) }

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stallingNetwork answers at once, but for one pause during which nothing is answered.
type stallingNetwork struct{ from, until time.Time }

func (n stallingNetwork) close() error { return nil }

func (n stallingNetwork) send(ctx context.Context, _ *payload, _ func()) (answer, error) {
	if now := time.Now(); now.After(n.from) && now.Before(n.until) {
		if err := sleep(ctx, n.until.Sub(now)); err != nil {
			return answer{}, classifyTransport(err)
		}
	}
	return answer{}, nil
}

// One worker, 100 requests a second for 10 s, one stall of 2 s. 200 requests fall due during the stall
// and wait 1 s each on average: a fifth of all. A generator that omits them would see one slow request.
func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{
			Endpoint: "x", Duration: 10 * time.Second, Rate: 1000, Batch: 10, Seed: 1, Connections: 1,
			Concurrency: 1, Timeout: time.Minute, RetryFor: time.Minute, Compression: compressionNone,
		}
		if err := o.validate(); err != nil {
			t.Fatal(err)
		}
		from := time.Now().Add(4*time.Second + time.Millisecond)
		r := &run{o: &o, gen: NewGenerator(1, o.Batch, 0, 1), senders: []sender{stallingNetwork{from, from.Add(2 * time.Second)}}}
		rep, err := r.do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if rep.AckedRequests != 1000 {
			t.Errorf("%d requests, want 1000", rep.AckedRequests)
		}
		within := func(name string, got, low, high float64) {
			if got < low || got > high {
				t.Errorf("%s = %.1f ms, want %.0f to %.0f", name, got, low, high)
			}
		}
		within("p50 from due", rep.Latency.P50, 0, 1)
		within("p90 from due", rep.Latency.P90, 900, 1100) // half of the fifth waits longer than half of the stall
		within("p99 from due", rep.Latency.P99, 1850, 2000)
		within("mean from due", rep.Latency.Mean, 190, 210)
		within("p99 from send", rep.Service.P99, 0, 1)
		within("max from send", rep.Service.Max, 1900, 2001)
	})
}

// receiver is an OTLP server that counts spans by id and fails as it is told to.
type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	hold func(ctx context.Context, first pcommon.SpanID) // called before anything else, when set

	mu    sync.Mutex
	fail  func(n int) error // mu guards everything below
	calls int
	spans map[pcommon.SpanID]int
}

func (r *receiver) Export(ctx context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	if r.hold != nil {
		r.hold(ctx, req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SpanID())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fail != nil {
		if err := r.fail(r.calls); err != nil {
			return ptraceotlp.NewExportResponse(), err
		}
	}
	eachSpan(req.Traces(), func(s ptrace.Span) { r.spans[s.SpanID()]++ })
	return ptraceotlp.NewExportResponse(), nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	in := ptraceotlp.NewExportRequest()
	if err := in.UnmarshalProto(b); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := r.Export(req.Context(), in); err != nil {
		w.Header().Set("Retry-After", "0")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func serve(t *testing.T, fail func(n int) error) (*receiver, string) {
	t.Helper()
	r := &receiver{fail: fail, spans: map[pcommon.SpanID]int{}}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s, r)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(lis) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return r, lis.Addr().String()
}

func options(endpoint string) Options {
	return Options{
		Endpoint: endpoint, Spans: 1050, Batch: 100, Seed: 5, Connections: 2, Compression: compressionNone,
		Timeout: 10 * time.Second, RetryFor: 10 * time.Second,
	}
}

func (r *receiver) check(t *testing.T, spans, times int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spans) != spans {
		t.Errorf("the server got %d spans, want %d", len(r.spans), spans)
	}
	for id, n := range r.spans {
		if n != times {
			t.Fatalf("span %s came %d times, want %d", id, n, times)
		}
	}
}

func TestEverySpanArrives(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{compressionNone, compressionGzip, compressionZstd} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			rec, addr := serve(t, nil)
			o := options(addr)
			o.Compression = compression
			o.Ledger = filepath.Join(t.TempDir(), "ledger")
			var out strings.Builder
			o.Out = &out
			if err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			rec.check(t, 1050, 1)
			if !strings.Contains(out.String(), "1050 spans in 11 requests") {
				t.Errorf("report: %s", out.String())
			}
			lines, err := ReadLedger(strings.NewReader(string(readFile(t, o.Ledger))))
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, l := range lines {
				total += l.Spans
			}
			if total != 1050 {
				t.Errorf("the ledger names %d spans", total)
			}
		})
	}
}

func TestRetriesAsTheServerAsks(t *testing.T) {
	t.Parallel()
	rec, addr := serve(t, func(n int) error {
		if n > 4 {
			return nil
		}
		st, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(
			&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
		if err != nil {
			return err
		}
		return st.Err()
	})
	rep, err := Measure(t.Context(), options(addr))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Retries != 4 || rep.ObeyedDelays != 4 || rep.AckedSpans != 1050 || rep.AttemptsFailed["grpc ResourceExhausted"] != 4 {
		t.Errorf("report: %+v", rep)
	}
	rec.check(t, 1050, 1)
}

func TestBareResourceExhaustedIsNotRetried(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, func(int) error { return status.Error(codes.ResourceExhausted, "full") })
	rep, err := Measure(t.Context(), options(addr))
	if err != nil {
		t.Fatal(err)
	}
	if rep.Retries != 0 || rep.FailedRequests != 11 {
		t.Errorf("report: %+v", rep)
	}
}

func TestRetryAllSendsEverythingTwice(t *testing.T) {
	t.Parallel()
	rec, addr := serve(t, nil)
	o := options(addr)
	o.RetryAll = true
	rep, err := Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.ResentRequests != 11 || rep.ResendsFailed != 0 {
		t.Errorf("report: %+v", rep)
	}
	rec.check(t, 1050, 2)
}

// The server never answers a first attempt: only a client that hangs up gets on.
func TestDropFirstHangsUpAndRetries(t *testing.T) {
	t.Parallel()
	for _, overHTTP := range []bool{false, true} {
		t.Run(fmt.Sprintf("http=%v", overHTTP), func(t *testing.T) {
			t.Parallel()
			rec, addr := serve(t, nil)
			if overHTTP {
				s := httptest.NewServer(rec)
				t.Cleanup(s.Close)
				addr = strings.TrimPrefix(s.URL, "http://")
			}
			var mu sync.Mutex
			seen := map[pcommon.SpanID]bool{}
			left := 0 // attempts that the client left
			rec.hold = func(ctx context.Context, first pcommon.SpanID) {
				mu.Lock()
				again := seen[first]
				seen[first] = true
				mu.Unlock()
				if again {
					return
				}
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				if errors.Is(ctx.Err(), context.Canceled) {
					left++
				}
			}
			o := options(addr)
			o.HTTP, o.DropFirst, o.RetryFor = overHTTP, true, time.Minute
			rep, err := Measure(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if rep.DroppedAnswers != 11 || rep.AckedRequests != 11 || rep.UnknownRequests != 0 {
				t.Errorf("report: %+v", rep)
			}
			mu.Lock()
			defer mu.Unlock()
			// An attempt that is cut before the server begins on it is not seen.
			if len(seen) != 11 || left == 0 {
				t.Errorf("the server saw %d requests, and the client leave %d", len(seen), left)
			}
		})
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	rec := &receiver{spans: map[pcommon.SpanID]int{}, fail: func(n int) error {
		if n == 1 {
			return status.Error(codes.Unavailable, "not yet")
		}
		return nil
	}}
	s := httptest.NewServer(rec)
	defer s.Close()
	o := options(strings.TrimPrefix(s.URL, "http://"))
	o.HTTP = true
	rep, err := Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Retries != 1 || rep.AckedSpans != 1050 {
		t.Errorf("report: %+v", rep)
	}
	rec.check(t, 1050, 1)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "soon": 0,
		"Thu, 01 Jan 2026 12:00:05 GMT": 5 * time.Second, "Thu, 01 Jan 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", v, got, want)
		}
	}
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := Measure(t.Context(), Options{Compression: "lz4", Batch: -1, Connections: -1, Timeout: -1})
	for _, want := range []string{"--endpoint", "--batch", "--connections", "--timeout", "--duration", "--compression"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}
