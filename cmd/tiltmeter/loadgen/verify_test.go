package loadgen

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
)

// shop is a server as loadgen sees it: it takes OTLP and answers the REST calls of a verification
// from a trace list and a number of rows, which a test may spoil.
type shop struct {
	ptraceotlp.UnimplementedGRPCServer
	busy bool // somebody else writes whenever the counts are read

	mu     sync.Mutex
	list   map[string][]string // mu guards everything below: span ids by trace
	counts map[string]int      // what the list says a trace has
	rows   int
	others int // spans of somebody else
}

func (s *shop) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	eachSpan(req.Traces(), func(sp ptrace.Span) {
		id := sp.TraceID().String()
		s.list[id] = append(s.list[id], sp.SpanID().String())
		s.counts[id]++
		s.rows++
	})
	return ptraceotlp.NewExportResponse(), nil
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type object = map[string]any
	number := strconv.Itoa // proto3 JSON sends 64-bit numbers as text
	var out object
	switch path := r.URL.Path; {
	case path == "/v1/projects":
		if s.busy {
			s.others += 7
		}
		n := s.others
		for _, c := range s.counts {
			n += c
		}
		out = object{"projects": []object{{"name": "default", "spans": number(n)}, {"name": "other", "spans": "40"}}}
	case path == "/v1/storage" && r.URL.Query().Get("project") == "other":
		out = object{"spans": "40"}
	case path == "/v1/storage":
		out = object{"spans": number(s.rows + s.others)}
	case path == "/v1/ingest/status":
		out = object{"log": object{"pendingMessages": "0"}}
		if s.busy {
			out = object{"log": object{"pendingMessages": "3", "lag": "0.000001s"}}
		}
	case path == "/v1/traces":
		traces := []object{{"traceId": pcommon.TraceID{1, 2, 3}.String(), "spanCount": "99"}}
		for id, n := range s.counts {
			traces = append(traces, object{"traceId": id, "spanCount": number(n)})
		}
		out = object{"traces": traces}
	default:
		var spans []object
		for _, id := range s.list[strings.TrimPrefix(path, "/v1/traces/")] {
			spans = append(spans, object{"spanId": id})
		}
		out = object{"spans": spans}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// verified sends 1,050 spans to a shop, which spoil changes once all have come, and returns what the
// verification found.
func verified(t *testing.T, s *shop, spoil func(s *shop)) *Verification {
	t.Helper()
	s.list, s.counts, s.others = map[string][]string{}, map[string]int{}, 500
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(g, s)
	go func() { _ = g.Serve(lis) }()
	t.Cleanup(g.Stop)
	once := sync.OnceFunc(func() { // the first question after the run
		s.mu.Lock()
		defer s.mu.Unlock()
		spoil(s)
	})
	rest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/ingest/status" {
			once()
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(rest.Close)
	o := options(lis.Addr().String())
	o.Verify, o.VerifyTimeout = rest.URL, pollEvery*(settledPolls+4)
	rep, err := Measure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.AckedSpans != 1050 || rep.Verify.AckedSpans != 1050 {
		t.Fatalf("acknowledged %d, to verify %d", rep.AckedSpans, rep.Verify.AckedSpans)
	}
	return rep.Verify
}

func aTrace(s *shop) string {
	for id, n := range s.counts {
		if n > 1 {
			return id
		}
	}
	panic("no trace has two spans")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		busy            bool
		spoil           func(s *shop)
		ok, rows        bool
		missing, double int64
	}{
		{name: "all is there", ok: true, rows: true, spoil: func(*shop) {}},
		{name: "others wrote before and after", ok: true, rows: true, spoil: func(s *shop) { s.others += 1000 }},
		{name: "others write all the time", busy: true, ok: true, spoil: func(*shop) {}},
		{name: "rows are doubled and the list does not tell", rows: true, double: 3, spoil: func(s *shop) { s.rows += 3 }},
		{name: "rows are missing and the list does not tell", rows: true, missing: 3, spoil: func(s *shop) { s.rows -= 3 }},
		{name: "one span lost, another doubled", rows: true, missing: 1, double: 1, spoil: func(s *shop) {
			id := aTrace(s)
			s.counts[id]--
			for other := range s.counts {
				if other != id {
					s.counts[other]++
					return
				}
			}
		}},
		{name: "a trace is not there", rows: true, missing: -1, spoil: func(s *shop) {
			id := aTrace(s)
			s.rows -= s.counts[id]
			delete(s.counts, id)
		}},
		{name: "a span is another one", rows: true, spoil: func(s *shop) {
			for id := range s.list {
				s.list[id][0] = "00000000000000ff"
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := verified(t, &shop{busy: c.busy}, c.spoil)
			if v.OK != c.ok || v.RowsCompared != c.rows || v.Doubled != c.double ||
				(c.missing >= 0 && v.Missing != c.missing) || (c.missing < 0 && v.Missing == 0) {
				t.Errorf("%+v", v)
			}
			if want := int64(1050) - v.Missing; c.ok && v.StoredSpans != want {
				t.Errorf("%d spans stored, want %d", v.StoredSpans, want)
			}
		})
	}
}
