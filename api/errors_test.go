package api_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tiltmeter/tiltmeter/api"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

const traceID = "0102030405060708090a0b0c0d0e0f10"

// TestErrorClasses walks the table of errors.go through real gRPC and HTTP clients.
func TestErrorClasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err      error
		code     codes.Code
		http     int
		contains string
	}{
		"internal":    {errBroken, codes.Internal, 500, "its log has the cause"},
		"not found":   {fmt.Errorf("look: %w", store.ErrNotFound), codes.NotFound, 404, "trace " + traceID + " is not in project"},
		"unavailable": {&net.OpError{Op: "dial", Err: errBroken}, codes.Unavailable, 503, "try again"},
		"cut off":     {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), codes.Unavailable, 503, "try again"},
		"too slow":    {fmt.Errorf("read: %w", context.DeadlineExceeded), codes.DeadlineExceeded, 504, "narrow the time range"},
		"too broad":   {fmt.Errorf("list: %w", store.ErrTooBroad), codes.InvalidArgument, 400, "name more words"},
		"cancelled":   {context.Canceled, codes.Canceled, 499, "cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t)
			r.store.err = c.err
			_, err := pb.NewTraceServiceClient(r.dial(t)).GetTrace(t.Context(), &pb.GetTraceRequest{TraceId: traceID})
			st := status.Convert(err)
			if st.Code() != c.code || !strings.Contains(st.Message(), c.contains) {
				t.Errorf("gRPC: got %v %q, want %v with %q", st.Code(), st.Message(), c.code, c.contains)
			}
			if strings.Contains(st.Message(), "hunter2") {
				t.Errorf("the cause is shown to the client: %q", st.Message())
			}
			var info, retry bool
			for _, d := range st.Details() {
				switch d := d.(type) {
				case *errdetails.RequestInfo:
					info = d.GetRequestId() != ""
				case *errdetails.RetryInfo:
					retry = d.GetRetryDelay().AsDuration() > 0
				}
			}
			if !info || retry != (c.code == codes.Unavailable) {
				t.Errorf("details: request id %v, retry %v", info, retry)
			}
			code, header, body := r.do(t, http.MethodGet, "/v1/traces/"+traceID, "", "X-Request-Id", "id-of-the-test")
			if code != c.http || !strings.Contains(body, c.contains) || !strings.Contains(body, "id-of-the-test") {
				t.Errorf("HTTP: got %d %s, want %d with %q and the request's id", code, body, c.http, c.contains)
			}
			if header.Get("X-Request-Id") != "id-of-the-test" {
				t.Errorf("header X-Request-Id: got %q", header.Get("X-Request-Id"))
			}
			if (header.Get("Retry-After") != "") != (c.http == 503) {
				t.Errorf("header Retry-After: got %q", header.Get("Retry-After"))
			}
			if c.code == codes.Internal && !strings.Contains(r.log.String(), "hunter2") {
				t.Errorf("the log lacks the cause:\n%s", r.log)
			}
		})
	}
}

// TestInvalidRequests: each names the field that is wrong.
func TestInvalidRequests(t *testing.T) {
	t.Parallel()
	r := start(t)
	for path, field := range map[string]string{
		"/v1/traces?filter=nonsense":                                             "filter[0]",
		"/v1/traces?filter=service%3Dx&filter=no.such.field%3D1":                 "filter[1]",
		"/v1/traces?filter=" + strings.Repeat("a", 2000):                         "filter[0]",
		"/v1/traces?" + strings.Repeat("filter=service%3Dx&", 60):                "filter",
		"/v1/traces?pageSize=-1":                                                 "page_size",
		"/v1/traces?pageSize=501":                                                "page_size",
		"/v1/ingest/dead-letters?pageSize=501":                                   "page_size",
		"/v1/spans:search?query=x&pageSize=501":                                  "page_size",
		"/v1/traces:histogram?buckets=501":                                       "buckets",
		"/v1/traces?pageToken=abc":                                               "page_token",
		"/v1/traces?project=a%2Fb":                                               "project",
		"/v1/traces?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z": "start_time",
		"/v1/traces?startTime=1960-01-02T00:00:00Z":                              "start_time",
		"/v1/traces?query=" + strings.Repeat("x", 600):                           "query",
		"/v1/traces/xyz":                                                         "trace_id",
		"/v1/traces/" + traceID + "/spans/1":                                     "span_id",
		"/v1/traces/" + traceID + "/spans/1/raw":                                 "span_id",
		"/v1/traces/" + traceID + "/conversation?spanId=1":                       "span_id",
		"/v1/traces:facets?field=nope":                                           "field[0]",
		"/v1/traces:facets?limit=-1":                                             "limit",
		"/v1/traces:facets?limit=101":                                            "limit",
		"/v1/traces:histogram?buckets=-1":                                        "buckets",
		"/v1/spans:search":                                                       "query",
		"/v1/ingest/dead-letters?pageToken=" + strings.Repeat("x", 100):          "page_token",
	} {
		code, body := r.get(t, path)
		if code != http.StatusBadRequest || !strings.Contains(body, `"field":"`+field+`"`) &&
			!strings.Contains(body, `"field": "`+field+`"`) {
			t.Errorf("GET %.80s: got %d %s, want 400 naming %s", path, code, body, field)
		}
	}
	if len(r.store.asked) > 0 {
		t.Errorf("the store was asked %d times", len(r.store.asked))
	}
}

func TestRequestTimeIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t, withLimits(api.Limits{RequestTime: time.Second}))
	r.store.block = true
	if code, body := r.get(t, "/v1/traces"); code != http.StatusGatewayTimeout {
		t.Errorf("got %d %s, want 504", code, body)
	}
}

func TestPanicCostsOneRequest(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.store.panics = true
	code, body := r.get(t, "/v1/traces")
	if code != http.StatusInternalServerError || strings.Contains(body, "a bug") {
		t.Errorf("got %d %s, want 500 without the cause", code, body)
	}
	if !strings.Contains(r.log.String(), "a bug") {
		t.Error("the log lacks the cause")
	}
	r.store.mu.Lock()
	r.store.panics = false
	r.store.mu.Unlock()
	if code, body := r.get(t, "/v1/traces"); code != http.StatusOK {
		t.Errorf("the next request: got %d %s", code, body)
	}
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	r := start(t, withLimits(api.Limits{RequestBytes: 1000}))
	code, _, body := r.do(t, http.MethodPost, "/v1/ingest/dead-letters:replay", `{"ids":["`+strings.Repeat("x", 2000)+`"]}`)
	if code/100 != 4 {
		t.Errorf("got %d %s, want 4xx", code, body)
	}
}
