package otlp

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// fuzzRequestBytes is small, so that inputs of a fuzzer can be too large.
const fuzzRequestBytes = 256 << 10

// checkedLog is a real log that refuses what the walk would not take, which the answer then
// shows, and is kept from filling up.
type checkedLog struct {
	log    spanlog.Log
	reader spanlog.Reader

	// mu guards everything below.
	mu    sync.Mutex
	count int
}

func (l *checkedLog) Append(ctx context.Context, r spanlog.Record) (uint64, bool, error) {
	sig := traces
	if r.Signal == spanlog.SignalLogs {
		sig = logs
	}
	rep, err := validate(sig, r.Payload, wire.Limits{})
	if err != nil || rep.Accepted() == 0 || rep.Rejected != int(r.Rejected) {
		return 0, false, fmt.Errorf("what goes to the log is not what the walk took: %+v, %w", rep, err)
	}
	seq, duplicate, err := l.log.Append(ctx, r)
	if err != nil {
		return seq, duplicate, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	const often = 500
	if l.count++; l.count%often == 0 && seq > l.reader.Position() {
		in := spanlog.Intent{First: l.reader.Position() + 1, Last: seq, Token: strconv.Itoa(l.count)}
		if err := l.reader.Begin(ctx, in); err != nil {
			return 0, false, err
		}
		if err := l.reader.Commit(ctx, in); err != nil {
			return 0, false, err
		}
	}
	return seq, duplicate, err
}

// fuzzServer is a receiver before a real log, opened once for each process.
func fuzzServer(f *testing.F) *Server {
	f.Helper()
	log, err := spanlog.Open(f.Context(), spanlog.Options{
		Dir: f.TempDir(), MinFreeBytes: -1, MaxBytes: 64 << 20, TrimEvery: 200 * time.Millisecond, Duplicates: time.Second,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := log.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := log.Register(f.Context(), "fuzz", spanlog.StartFirst); err != nil {
		f.Fatal(err)
	}
	reader, err := log.Reader(f.Context(), "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(Config{HTTPAddr: "127.0.0.1:0", Limits: wire.Limits{RequestBytes: fuzzRequestBytes}, AllowedOrigins: []string{"https://app.example"}},
		Deps{Log: &checkedLog{log: log, reader: reader}, Registerer: prometheus.NewRegistry()})
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// FuzzHTTP gives the whole handler, before a real log, whatever a client may send: the status is
// one of the table's and none says that the server is broken, the answer decodes, what is taken
// is what the walk takes, and nothing stays held.
func FuzzHTTP(f *testing.F) {
	for _, sig := range []signal{traces, logs, metrics} {
		for _, b := range captured(f, "*."+sig.String()+".pb") {
			if len(b) < fuzzRequestBytes {
				f.Add(uint8(sig), "application/x-protobuf", "", b)
				f.Add(uint8(sig), "application/protobuf", "gzip", compress(f, "gzip", b))
			}
		}
		for _, b := range captured(f, "*."+sig.String()+".json") {
			f.Add(uint8(sig), "application/json", "", b)
		}
	}
	f.Add(uint8(traces), "application/json; charset=utf-8", "zstd", compress(f, "zstd", oneSpan(ids)))
	f.Add(uint8(traces), "application/json", "deflate", compress(f, "deflate", oneSpan(ids)))
	f.Add(uint8(traces), "application/x-protobuf", "gzip", compress(f, "gzip", make([]byte, 2*fuzzRequestBytes)))
	f.Add(uint8(3), "application/json", "br", []byte("{}"))
	f.Add(uint8(4), "text/plain", "", []byte(nil))
	s := fuzzServer(f)
	paths := []string{"/v1/traces", "/v1/logs", "/v1/metrics", "/v1/other", "/v1/traces"}
	f.Fuzz(func(t *testing.T, where uint8, contentType, encoding string, body []byte) {
		which := int(where) % len(paths)
		method := http.MethodPost
		if which == len(paths)-1 {
			method = http.MethodGet
		}
		r := httptest.NewRequestWithContext(t.Context(), method, paths[which], bytes.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		r.Header["Content-Encoding"] = []string{encoding}
		if where > 128 {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		s.httpServer.Handler.ServeHTTP(w, r)
		switch {
		case w.Code == http.StatusNotFound && which == 3, w.Code == http.StatusMethodNotAllowed && which == 4:
		case which < 3 && w.Code == http.StatusOK:
			decodeAnswer(t, signal(which), w)
		case which < 3 && slices.Contains([]int{400, 413, 415}, w.Code):
			decodeStatus(t, w)
		default:
			t.Errorf("status %d for %s: %q", w.Code, paths[which], w.Body)
		}
		if used := s.gate.used.Load(); used != 0 {
			t.Errorf("%d bytes are still held", used)
		}
	})
}

// decodeAnswer reads an answer of OK as a client does.
func decodeAnswer(t *testing.T, sig signal, w *httptest.ResponseRecorder) {
	t.Helper()
	type response interface {
		UnmarshalProto(b []byte) error
		UnmarshalJSON(b []byte) error
	}
	var answer response
	switch sig {
	case traces:
		answer = ptraceotlp.NewExportResponse()
	case logs:
		answer = plogotlp.NewExportResponse()
	default:
		answer = pmetricotlp.NewExportResponse()
	}
	read := answer.UnmarshalProto
	if w.Header().Get("Content-Type") == "application/json" {
		read = answer.UnmarshalJSON
	}
	if err := read(w.Body.Bytes()); err != nil {
		t.Errorf("the answer %q cannot be read: %v", w.Body, err)
	}
}

func decodeStatus(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var st spb.Status
	read := proto.Unmarshal
	if w.Header().Get("Content-Type") == "application/json" {
		read = protojson.Unmarshal
	}
	if err := read(w.Body.Bytes(), &st); err != nil || st.GetCode() == 0 || st.GetMessage() == "" {
		t.Errorf("the status %q cannot be read or says nothing: %v", w.Body, err)
	}
}

// FuzzGRPC does for the gRPC handler what FuzzHTTP does for the other.
func FuzzGRPC(f *testing.F) {
	framed := func(flag byte, b []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(b))), b...)
	}
	for _, sig := range []signal{traces, logs, metrics} {
		for _, b := range captured(f, "*."+sig.String()+".pb") {
			if len(b) < fuzzRequestBytes {
				f.Add(uint8(sig), "", framed(0, b))
				f.Add(uint8(sig), "gzip", framed(1, compress(f, "gzip", b)))
			}
		}
	}
	f.Add(uint8(traces), "zstd", framed(1, compress(f, "zstd", spans(f, 1))))
	f.Add(uint8(traces), "gzip", framed(1, compress(f, "gzip", make([]byte, 2*fuzzRequestBytes))))
	f.Add(uint8(traces), "lzma", framed(1, nil))
	s := fuzzServer(f)
	known := []codes.Code{codes.OK, codes.InvalidArgument, codes.Unimplemented}
	f.Fuzz(func(t *testing.T, where uint8, encoding string, body []byte) {
		sig := signal(where % 3)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/"+grpcServices[sig]+"/Export", bytes.NewReader(body))
		r.ProtoMajor, r.ProtoMinor = 2, 0
		r.Header["Content-Type"] = []string{"application/grpc"}
		r.Header["Grpc-Encoding"] = []string{encoding}
		w := httptest.NewRecorder()
		s.grpcServer.Handler.ServeHTTP(w, r)
		text := w.Header().Get("Grpc-Status") + w.Header().Get(http.TrailerPrefix+"Grpc-Status")
		code, err := strconv.Atoi(text)
		if w.Code != http.StatusOK || err != nil || !slices.Contains(known, codes.Code(code)) {
			t.Errorf("status %d, grpc-status %q, %q", w.Code, text, w.Header().Get("Grpc-Message"))
		}
		if code == 0 {
			b := w.Body.Bytes()
			if len(b) < grpcPrefixBytes || int(binary.BigEndian.Uint32(b[1:])) != len(b)-grpcPrefixBytes {
				t.Fatalf("the answer is %x", b)
			}
			w.Body = bytes.NewBuffer(b[grpcPrefixBytes:])
			decodeAnswer(t, sig, w)
		} else if w.Body.Len() != 0 || w.Header().Get("Grpc-Message") == "" {
			t.Errorf("grpc-status %d with the body %q and the message %q", code, w.Body, w.Header().Get("Grpc-Message"))
		}
		if used := s.gate.used.Load(); used != 0 {
			t.Errorf("%d bytes are still held", used)
		}
	})
}

// FuzzJSON: whatever arrives, no panic; what is taken is JSON and becomes a request whose framing
// the walk accepts. What pdata reads, written as pdata writes it, becomes what pdata makes of it.
func FuzzJSON(f *testing.F) {
	for _, b := range captured(f, "*.json") {
		f.Add(b)
	}
	f.Add(oneSpan(ids + `,"attributes":{"a":[1,{"b":null}]}`))
	f.Add(nestedJSON(20, 200))
	f.Add(nestedJSON(maxJSONDepth+100, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sig := range []signal{traces, logs, metrics} {
			out, err := toProto(b, sig)
			if err == nil {
				checkConverted(t, b, out, sig)
			}
			if sig != metrics {
				agreeJSON(t, b, sig)
			}
		}
	})
}

func checkConverted(t *testing.T, b, out []byte, sig signal) {
	t.Helper()
	if !json.Valid(b) {
		t.Errorf("%q is not JSON and was taken", b)
	}
	if sig == metrics {
		if _, err := wire.CountMetrics(out, nil); err != nil && !spoilt(out, 12) {
			t.Errorf("%q became what cannot be counted: %v", b, err)
		}
		return
	}
	rep, err := validate(sig, out, wire.Limits{SpansPerRequest: len(b) + 1})
	if err != nil && !spoilt(out, 12) {
		t.Errorf("%q became what the walk refuses: %v", b, err)
	}
	if err == nil && rep.Rejected == 0 {
		if _, perr := pdataRead(sig, out, true); perr != nil && !spoilt(out, 12) {
			t.Errorf("%q became what pdata refuses: %v", b, perr)
		}
	}
}

// spoilt says whether a field that could not be read was written as a group, in b or in what may
// be a message in it, to some depth.
func spoilt(b []byte, depth int) bool {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		if kind == protowire.StartGroupType {
			return true
		}
		m := protowire.ConsumeFieldValue(num, kind, b[n:])
		if m < 0 {
			return false
		}
		if kind == protowire.BytesType && depth > 0 {
			if sub, k := protowire.ConsumeBytes(b[n:]); k >= 0 && spoilt(sub, depth-1) {
				return true
			}
		}
		b = b[n+m:]
	}
	return false
}

// agreeJSON compares with pdata on the request that pdata reads from b, written as pdata writes it.
// What we read beside that, and pdata does not, is in TestJSONTolerance.
func agreeJSON(t *testing.T, b []byte, sig signal) {
	t.Helper()
	want, err := pdataRead(sig, b, false)
	if err != nil {
		return
	}
	out, err := toProto([]byte(want), sig)
	if err != nil {
		t.Errorf("pdata's own JSON %q is refused: %v", want, err)
		return
	}
	if rep, err := validate(sig, out, wire.Limits{}); err == nil && rep.Reasons[wire.ReasonNesting] > 0 {
		return // what lies that deep is left out
	}
	got, err := pdataRead(sig, out, true)
	if err != nil || got != want {
		t.Errorf("of %q became %q, %v", want, got, err)
	}
}
