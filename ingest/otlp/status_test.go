package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// TestAnswers walks the table of answers through real gRPC and HTTP clients.
func TestAnswers(t *testing.T) {
	t.Parallel()
	good := capture(t, "otel-js-openai.traces.pb")
	denied := func(err error) Deps {
		return Deps{Authorize: func(context.Context, func(string) string) (string, error) {
			return "", fmt.Errorf("check key: %w", err)
		}}
	}
	for name, tc := range map[string]struct {
		config Config
		deps   Deps
		err    error // of the log
		body   []byte
		grpc   codes.Code
		http   int
		retry  bool
		says   string
	}{
		"log full": {
			err: spanlog.ErrFull, body: good, grpc: codes.Unavailable, http: 503, retry: true, says: "full",
		},
		"disk short of space": {
			err: spanlog.ErrDisk, body: good, grpc: codes.Unavailable, http: 503, retry: true, says: "disk",
		},
		"log slow": {
			config: Config{AppendTimeout: time.Nanosecond}, err: context.DeadlineExceeded,
			body: good, grpc: codes.Unavailable, http: 503, retry: true, says: "count once",
		},
		"log unavailable": {
			err: spanlog.ErrUnavailable, body: good, grpc: codes.Unavailable, http: 503, retry: true, says: "again",
		},
		"log broken": {
			err: errors.New("secret detail"), body: good, grpc: codes.Unavailable, http: 503, retry: true,
			says: "cannot be written",
		},
		"keys cannot be checked": {
			deps: denied(errors.New("store is down")), body: good, grpc: codes.Unavailable, http: 503, retry: true,
			says: "try again",
		},
		"no key": {
			deps: denied(ErrUnauthenticated), body: good, grpc: codes.Unauthenticated, http: 401, says: "Bearer",
		},
		"key without the scope": {
			deps: denied(ErrForbidden), body: good, grpc: codes.PermissionDenied, http: 403, says: "scope ingest",
		},
		"undecodable": {
			body: []byte("\x0a\xffnot a request"), grpc: codes.InvalidArgument, http: 400, says: "malformed",
		},
		"too large": {
			config: Config{Limits: wire.Limits{RequestBytes: 1000}}, body: good,
			grpc: codes.InvalidArgument, http: 413, says: "1000 bytes",
		},
		"too many spans": {
			config: Config{Limits: wire.Limits{SpansPerRequest: 1}}, body: spans(t, 2),
			grpc: codes.InvalidArgument, http: 413, says: "more than 1 spans",
		},
		"record too large for the log": {
			err: spanlog.ErrTooLarge, body: good, grpc: codes.InvalidArgument, http: 413, says: "batch size",
		},
		"record the log refuses": {
			err: spanlog.ErrInvalid, body: good, grpc: codes.InvalidArgument, http: 400, says: "cannot hold",
		},
		"all well": {body: good, grpc: codes.OK, http: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &recorder{}
			if tc.err != nil {
				l = failWith(tc.err)
			}
			r := start(t, tc.config, tc.deps, l)

			out, err := r.export(t.Context(), traces, tc.body)
			st := status.Convert(err)
			if st.Code() != tc.grpc || !strings.Contains(st.Message(), tc.says) {
				t.Errorf("gRPC: %v, want %v with %q", st, tc.grpc, tc.says)
			}
			if len(out) != 0 {
				t.Errorf("gRPC: partial_success is set: %x", out)
			}
			checkRetryInfo(t, st, tc.retry)
			if strings.Contains(st.Message(), "secret") {
				t.Errorf("gRPC: the cause leaked: %s", st.Message())
			}

			resp, body := r.post(t, traces, tc.body, asProto)
			if resp.StatusCode != tc.http || (resp.Header.Get("Retry-After") != "") != tc.retry {
				t.Errorf("HTTP: %d, Retry-After %q; want %d, retry %v", resp.StatusCode,
					resp.Header.Get("Retry-After"), tc.http, tc.retry)
			}
			checkStatusBody(t, resp, body, tc.grpc, tc.says)
		})
	}
}

func checkRetryInfo(t *testing.T, st *status.Status, want bool) {
	t.Helper()
	got := false
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			got = info.GetRetryDelay().AsDuration() > 0
		}
	}
	if got != want {
		t.Errorf("RetryInfo is %v, want %v: %v", got, want, st)
	}
}

// checkStatusBody checks that an error's body is a google.rpc.Status in the request's encoding.
func checkStatusBody(t *testing.T, resp *http.Response, body []byte, code codes.Code, says string) {
	t.Helper()
	if resp.StatusCode == http.StatusOK {
		if s := string(body); s != "" && s != "{}" {
			t.Errorf("partial_success is set: %q", s)
		}
		return
	}
	var st spb.Status
	var err error
	if resp.Header.Get("Content-Type") == "application/json" {
		err = protojson.Unmarshal(body, &st)
	} else {
		err = proto.Unmarshal(body, &st)
	}
	if err != nil || codes.Code(st.GetCode()) != code || !strings.Contains(st.GetMessage(), says) {
		t.Errorf("HTTP body is %v, %v; want %v with %q", &st, err, code, says)
	}
}

// TestAnswersOfHTTPAlone walks the rows that only HTTP has.
func TestAnswersOfHTTPAlone(t *testing.T) {
	t.Parallel()
	good := capture(t, "otel-js-openai.traces.pb")
	for name, tc := range map[string]struct {
		header map[string]string
		body   []byte
		code   int
		says   string
	}{
		"no content type":      {nil, good, 415, "application/x-protobuf"},
		"unknown content type": {map[string]string{"Content-Type": "text/plain"}, good, 415, "text/plain"},
		"unknown encoding": {
			map[string]string{"Content-Type": "application/json", "Content-Encoding": "br"}, good, 415, "gzip",
		},
		"not gzip": {
			map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, good, 400, "damaged",
		},
		"not zstd": {
			map[string]string{"Content-Type": "application/json", "Content-Encoding": "zstd"}, good, 400, "damaged",
		},
		"not deflate": {
			map[string]string{"Content-Type": "application/json", "Content-Encoding": "deflate"}, good, 400, "damaged",
		},
		"not JSON":       {asJSON, good, 400, "expected an object"},
		"another signal": {asJSON, []byte(`{"resourceLogs":[]}`), 400, "/v1/logs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, Config{}, Deps{}, &recorder{})
			resp, body := r.post(t, traces, tc.body, tc.header)
			if resp.StatusCode != tc.code || resp.Header.Get("Retry-After") != "" {
				t.Errorf("code %d, want %d without Retry-After", resp.StatusCode, tc.code)
			}
			want := codes.InvalidArgument
			if name == "unknown encoding" {
				want = codes.Unimplemented // what gRPC has for it
			}
			checkStatusBody(t, resp, body, want, tc.says)
			if n := len(r.log.all()); n != 0 {
				t.Errorf("%d records reached the log", n)
			}
		})
	}
}

// TestPartialSuccess: a bad span costs that span, and the sender is told which and why.
func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	body := spans(t, 3, 1)
	const first = "1 of 3 refused; the first: resource_spans[0].scope_spans[0].spans[1].trace_id: " +
		"trace id must be 16 bytes and not all zero"

	resp, err := ptraceotlp.NewGRPCClient(r.conn).Export(t.Context(), decode(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if p := resp.PartialSuccess(); p.RejectedSpans() != 1 || p.ErrorMessage() != first {
		t.Errorf("gRPC: %d %q", p.RejectedSpans(), p.ErrorMessage())
	}
	_, got := r.post(t, traces, body, asProto)
	over := ptraceotlp.NewExportResponse()
	if err := over.UnmarshalProto(got); err != nil {
		t.Fatal(err)
	}
	if p := over.PartialSuccess(); p.RejectedSpans() != 1 || p.ErrorMessage() != first {
		t.Errorf("HTTP: %d %q", p.RejectedSpans(), p.ErrorMessage())
	}
	asked, err := decode(t, body).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	_, got = r.post(t, traces, asked, asJSON)
	var answer struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(got, &answer); err != nil {
		t.Fatal(err)
	}
	inJSON := strings.NewReplacer("resource_spans", "resourceSpans", "scope_spans", "scopeSpans", "trace_id", "traceId").Replace(first)
	if p := answer.PartialSuccess; p.RejectedSpans != "1" || p.ErrorMessage != inJSON {
		t.Errorf("JSON: %s", got)
	}
	for _, rec := range r.log.all() {
		if rec.Rejected != 1 {
			t.Errorf("the record says %d rejected, want 1", rec.Rejected)
		}
	}
	if got := testutil.ToFloat64(r.meters.rejected.WithLabelValues(DefaultProject, "traces", "trace_id")); got != 3 {
		t.Errorf("rejected spans metric is %v, want 3", got)
	}
	if got := testutil.ToFloat64(r.meters.received.WithLabelValues(DefaultProject, "traces")); got != 6 {
		t.Errorf("received spans metric is %v, want 6", got)
	}
}

// TestNothingLeftToKeep: a request all of whose spans are refused does not reach the log.
func TestNothingLeftToKeep(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	out, err := r.export(t.Context(), traces, spans(t, 1, 0))
	if err != nil || !bytes.Contains(out, []byte("1 of 1 refused")) {
		t.Errorf("answer is %q, %v", out, err)
	}
	if n := len(r.log.all()); n != 0 {
		t.Errorf("%d records reached the log", n)
	}
}

func TestDuplicateIsFine(t *testing.T) {
	t.Parallel()
	l := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) { return true, nil }}
	r := start(t, Config{}, Deps{}, l)
	out, err := r.export(t.Context(), traces, spans(t, 2))
	if err != nil || len(out) != 0 {
		t.Errorf("answer is %x, %v", out, err)
	}
	if got := testutil.ToFloat64(r.meters.duplicates.WithLabelValues("traces")); got != 1 {
		t.Errorf("duplicates metric is %v, want 1", got)
	}
}

// TestMetricsAreCounted: metrics are answered honestly, over each transport.
func TestMetricsAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	body := capture(t, "otel-js-openai.metrics.pb")
	out, err := r.export(t.Context(), metrics, body)
	if err != nil || !bytes.Contains(out, []byte("metrics are counted and not stored")) {
		t.Errorf("gRPC answer is %q, %v", out, err)
	}
	resp, got := r.post(t, metrics, capture(t, "openlit.metrics.json"), asJSON)
	if resp.StatusCode != http.StatusOK || !bytes.Contains(got, []byte(`"rejectedDataPoints":"`)) {
		t.Errorf("JSON answer is %d %s", resp.StatusCode, got)
	}
	if n := testutil.CollectAndCount(r.meters.points); n == 0 {
		t.Error("no metric points were counted")
	}
	if n := len(r.log.all()); n != 0 {
		t.Errorf("%d records reached the log", n)
	}
}

// TestThrottle: a project over its rate is asked to wait and let in again when it did.
func TestThrottle(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Unix(1_700_000_000, 0)}
	r := start(t, Config{SpansPerSecond: 10}, Deps{Now: clock.now}, &recorder{})
	if _, err := r.export(t.Context(), traces, spans(t, 20)); err != nil {
		t.Fatalf("a batch larger than the bucket must pass: %v", err)
	}
	_, err := r.export(t.Context(), traces, spans(t, 1))
	st := status.Convert(err)
	if st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "10 spans a second") {
		t.Errorf("gRPC: %v", st)
	}
	checkRetryInfo(t, st, true)
	resp, body := r.post(t, traces, spans(t, 1), asJSON)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("HTTP: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	checkStatusBody(t, resp, body, codes.ResourceExhausted, "10 spans a second")
	clock.advance(2 * time.Second)
	if _, err := r.export(t.Context(), traces, spans(t, 1)); err != nil {
		t.Errorf("after waiting: %v", err)
	}
}

// TestThrottleChargesWhatIsTaken: neither a retry under back-pressure, nor a duplicate, nor a span
// that is refused is on the bill.
func TestThrottleChargesWhatIsTaken(t *testing.T) {
	t.Parallel()
	clock := &testClock{t: time.Unix(1_700_000_000, 0)}
	var next func() (duplicate bool, err error)
	l := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) { return next() }}
	r := start(t, Config{SpansPerSecond: 10}, Deps{Now: clock.now}, l)
	left := func() float64 {
		r.throttle.mu.Lock()
		defer r.throttle.mu.Unlock()
		return r.throttle.buckets[DefaultProject].tokens
	}
	for name, answer := range map[string]func() (bool, error){
		"log full":  func() (bool, error) { return false, spanlog.ErrFull },
		"duplicate": func() (bool, error) { return true, nil },
		"panic":     func() (bool, error) { panic("boom") },
	} {
		next = answer
		for range 3 {
			_, _ = r.export(t.Context(), traces, spans(t, 8))
		}
		if got := left(); got != 10 {
			t.Errorf("after %s %v of 10 spans are left", name, got)
		}
	}
	during := 0.0
	next = func() (bool, error) { during = left(); return false, nil }
	if _, err := r.export(t.Context(), traces, spans(t, 4, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != 8 || during != 8 {
		t.Errorf("after 2 good spans and 2 bad ones %v of 10 are left, %v while the log took them", got, during)
	}
}

// TestGate: bytes under way are bounded; what does not fit is asked to come back.
func TestGate(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	l := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) {
		entered <- struct{}{}
		<-leave
		return false, nil
	}}
	r := start(t, Config{InFlightBytes: firstBufferBytes}, Deps{}, l)
	body := spans(t, 3)
	done := make(chan error, 1)
	go func() {
		_, err := r.export(context.Background(), traces, body)
		done <- err
	}()
	<-entered
	_, err := r.export(t.Context(), traces, body)
	st := status.Convert(err)
	if st.Code() != codes.Unavailable || !strings.Contains(st.Message(), "already being received") {
		t.Errorf("gRPC: %v", st)
	}
	checkRetryInfo(t, st, true)
	resp, got := r.post(t, traces, body, asProto)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("HTTP: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	checkStatusBody(t, resp, got, codes.Unavailable, "already being received")
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("the first request: %v", err)
	}
	if used := r.gate.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held when nothing is under way", used)
	}
}

// TestPanicIsOurFault: a panic costs neither the process nor the data.
func TestPanicIsOurFault(t *testing.T) {
	t.Parallel()
	l := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) { panic("boom") }}
	r := start(t, Config{}, Deps{}, l)
	_, err := r.export(t.Context(), traces, spans(t, 1))
	if st := status.Convert(err); st.Code() != codes.Unavailable || strings.Contains(st.Message(), "boom") {
		t.Errorf("gRPC: %v", st)
	}
	if resp, _ := r.post(t, traces, spans(t, 1), asProto); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("HTTP: %d, want 503", resp.StatusCode)
	}
	if got := testutil.ToFloat64(r.meters.panics); got != 2 {
		t.Errorf("panics metric is %v, want 2", got)
	}
	if used := r.gate.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held after a panic", used)
	}
}

// spans returns a request of n spans; those with the indices given have no trace id.
func spans(tb testing.TB, n int, bad ...int) []byte {
	tb.Helper()
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := list.AppendEmpty()
		s.SetName(fmt.Sprintf("span %d", i))
		s.SetTraceID([16]byte{1, byte(i)})
		s.SetSpanID([8]byte{2, byte(i)})
	}
	for _, i := range bad {
		list.At(i).SetTraceID([16]byte{})
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func decode(tb testing.TB, b []byte) ptraceotlp.ExportRequest {
	tb.Helper()
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalProto(b); err != nil {
		tb.Fatal(err)
	}
	return req
}

// spansOf returns a request of n spans of about size bytes each, of text that compresses as text does.
func spansOf(tb testing.TB, n, size int) []byte {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	text := make([]byte, size)
	for i := range n {
		s := list.AppendEmpty()
		s.SetName("chat")
		s.SetTraceID([16]byte{1, byte(i)})
		s.SetSpanID([8]byte{2, byte(i)})
		for k := range text {
			text[k] = "etaoin shrdlu cmfwyp"[rng.IntN(20)]
		}
		s.Attributes().PutStr("gen_ai.output.messages", string(text))
	}
	b, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
