package otlp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// TestBombsTogether: however many compressed bombs come at once, the gate is never above its
// limit; each is told that it is too large or to come back.
func TestBombsTogether(t *testing.T) {
	t.Parallel()
	const limit, gate, senders = 4 << 20, 16 << 20, 48
	r := start(t, Config{Limits: wire.Limits{RequestBytes: limit}, InFlightBytes: gate}, Deps{}, &recorder{})
	bombs := make(map[string][]byte)
	for _, enc := range []string{"gzip", "zstd", "deflate"} {
		bombs[enc] = compress(t, enc, make([]byte, 64<<20))
	}
	done := make(chan struct{})
	var watch, all sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if used := r.gate.used.Load(); used > gate {
					t.Errorf("%d bytes are held, the limit is %d", used, gate)
					return
				}
			}
		}
	})
	for i := range senders {
		enc := []string{"gzip", "zstd", "deflate"}[i%3]
		all.Go(func() {
			for range 3 {
				st := r.exportAs(t, sentAs{enc, func([]byte) []byte { return bombs[enc] }}, []byte{0})
				if st.Code() != codes.InvalidArgument && st.Code() != codes.Unavailable {
					t.Errorf("gRPC %s: %v", enc, st)
				}
				checkRetryInfo(t, st, st.Code() == codes.Unavailable)
				resp, _ := r.post(t, traces, bombs[enc], map[string]string{
					"Content-Type": "application/x-protobuf", "Content-Encoding": enc,
				})
				if resp.StatusCode != http.StatusRequestEntityTooLarge && resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("HTTP %s: %d", enc, resp.StatusCode)
				}
			}
		})
	}
	all.Wait()
	close(done)
	watch.Wait()
	if used := r.gate.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
	if _, err := r.export(t.Context(), traces, spans(t, 1)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestIntakeWeighsWhatItHolds: the gate has as much as the buffers of a request can hold, whatever
// it unfolds to.
func TestIntakeWeighsWhatItHolds(t *testing.T) {
	t.Parallel()
	s, err := New(Config{HTTPAddr: "127.0.0.1:0"}, Deps{Log: &recorder{}, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	doubles := []byte(`{"resourceSpans":[{"resource":{"attributes":{"a":[9e9` + strings.Repeat(",9e9", 1<<20) + `]}}}]}`)
	for _, size := range []int{0, 1, firstBufferBytes - 1, firstBufferBytes, 300_000, 5 << 20, wire.DefaultRequestBytes} {
		for _, enc := range []string{"", "gzip", "zstd", "deflate"} {
			for _, known := range []bool{true, false} {
				body := make([]byte, size)
				copy(body, doubles)
				sent := compress(t, enc, body)
				length := int64(-1)
				if known {
					length = int64(len(sent))
				}
				in := s.newIntake()
				network := &networkReader{r: bytes.NewReader(sent)}
				if err := in.read(t.Context(), network, network, enc, length); err != nil || !bytes.Equal(in.body, body) {
					t.Errorf("%d bytes, %q: read %d, %v", size, enc, len(in.body), err)
				}
				checkWeight(t, in)
				_ = in.fromJSON(traces) // most are cut off: what was held until then was weighed
				checkWeight(t, in)
				in.release()
			}
		}
	}
	in := s.newIntake()
	network := &networkReader{r: bytes.NewReader(doubles)}
	if err := errors.Join(in.read(t.Context(), network, network, "", -1), in.fromJSON(traces)); err != nil {
		t.Fatal(err)
	}
	if len(in.body) < 2*len(doubles) {
		t.Errorf("%d bytes of JSON became %d: the test should meet growth", len(doubles), len(in.body))
	}
	checkWeight(t, in)
	in.release()
	if used := s.gate.used.Load(); used != 0 {
		t.Errorf("%d bytes are still held", used)
	}
}

func checkWeight(t *testing.T, in *intake) {
	t.Helper()
	held, of := int64(0), in.body[:cap(in.body)]
	for _, b := range in.held {
		if held += int64(cap(*b)); len(of) > 0 && &(*b)[:1][0] == &of[0] {
			of = nil
		}
	}
	held += int64(len(of)) // the body outgrew its buffer
	if held > in.share.held {
		t.Errorf("%d bytes are held and %d weighed", held, in.share.held)
	}
}

// TestAnnouncedIsNotHeld: a client that announces a large message and sends none holds little.
func TestAnnouncedIsNotHeld(t *testing.T) {
	t.Parallel()
	s, err := New(Config{HTTPAddr: "127.0.0.1:0"}, Deps{Log: &recorder{}, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	in := s.newIntake()
	network := &networkReader{r: strings.NewReader("")}
	if err := in.read(t.Context(), network, network, "", wire.DefaultRequestBytes); err == nil {
		t.Error("a body that never came was taken")
	}
	if in.share.held > trustedBytes {
		t.Errorf("%d bytes are held", in.share.held)
	}
}

// TestGRPCFraming: what is not one message is the client's fault, and said so.
func TestGRPCFraming(t *testing.T) {
	t.Parallel()
	r := start(t, Config{}, Deps{}, &recorder{})
	client := &http.Client{Transport: &http.Transport{Protocols: onlyH2C()}}
	t.Cleanup(client.CloseIdleConnections)
	framed := func(flag byte, length int, body []byte) []byte {
		head := binary.BigEndian.AppendUint32([]byte{flag}, uint32(length))
		return append(head, body...)
	}
	good := spans(t, 1)
	for name, tc := range map[string]struct {
		path, kind string
		body       []byte
		http       int
		status     string
	}{
		"good":            {"", "application/grpc", framed(0, len(good), good), 200, "0"},
		"with a subtype":  {"", "application/grpc+proto", framed(0, len(good), good), 200, "0"},
		"empty":           {"", "application/grpc", nil, 200, "3"},
		"only the length": {"", "application/grpc", framed(0, len(good), nil), 200, "3"},
		"cut off":         {"", "application/grpc", framed(0, len(good)+1, good), 200, "3"},
		"two messages":    {"", "application/grpc", append(framed(0, len(good), good), framed(0, 0, nil)...), 200, "3"},
		"a flag of 2":     {"", "application/grpc", framed(2, len(good), good), 200, "3"},
		"falsely flagged": {"", "application/grpc", framed(1, len(good), good), 200, "3"},
		"length of 4 GiB": {"", "application/grpc", framed(0, 1<<32-1, good), 200, "3"},
		"another method":  {"/a.B/C", "application/grpc", framed(0, 0, nil), 200, "12"},
		"not gRPC":        {"", "application/json", []byte("{}"), 415, ""},
		"no content type": {"", "", []byte("{}"), 415, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := tc.path
			if path == "" {
				path = "/" + grpcServices[traces] + "/Export"
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.GRPCAddr().String()+path, bytes.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", tc.kind)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			got := resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status")
			if resp.StatusCode != tc.http || got != tc.status {
				t.Errorf("status %d, grpc-status %q, %q %q", resp.StatusCode, got, resp.Header.Get("Grpc-Message"), text)
			}
		})
	}
	resp, err := http.Post("http://"+r.GRPCAddr().String()+"/v1/traces", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(string(text), "4318") {
		t.Errorf("HTTP/1.1 to the gRPC port: %d %s", resp.StatusCode, text)
	}
}

func onlyH2C() *http.Protocols {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &p
}

func TestGRPCTimeout(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10S": "10s", "99999999n": "99.999999ms", "5m": "5ms", "1H": "1h0m0s", "2M": "2m0s", "7u": "7µs",
		"": "", "S": "", "10": "", "-1S": "", "123456789S": "", "99999999H": "",
	} {
		got, ok := grpcTimeout(text)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, got, ok, want)
		}
	}
	l := &recorder{answer: func(ctx context.Context, _ spanlog.Record) (bool, error) {
		if _, ok := ctx.Deadline(); !ok {
			return false, errors.New("no deadline")
		}
		return false, nil
	}}
	r := start(t, Config{}, Deps{}, l)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := r.export(ctx, traces, spans(t, 1)); err != nil {
		t.Error(err)
	}
}

// nestedJSON returns attributes of depth lists or objects within each other around a text of size bytes.
func nestedJSON(depth, size int) []byte {
	return oneSpan(ids + `,"attributes":{"a":` + strings.Repeat(`[`, depth) + `"` + strings.Repeat("x", size) + `"` +
		strings.Repeat(`]`, depth) + `}`)
}

// TestNestedJSONIsMovedOnce: nothing is moved while JSON is read, so that what lies deep costs its
// bytes and not its bytes for each level: before the last pass every length that takes more than
// one byte is still missing. Afterwards it is what was sent.
func TestNestedJSONIsMovedOnce(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{0, 1, 20, 45, 400} {
		for _, size := range []int{0, 1, 100, 126, 127, 128, 16_300, 1 << 20} {
			b := nestedJSON(depth, size)
			out, err := toProto(b, traces)
			if err != nil {
				t.Fatal(err)
			}
			c := converter{scanner: scanner{b: b}, limit: maxRequestBytes, grow: func(int64) bool { return true }}
			c.object(func(key []byte) { c.member(canonical(key), requestFields[traces]) })
			if want := len(out); len(c.out)+c.missing != want {
				t.Errorf("depth %d, size %d: %d bytes before and %d after", depth, size, len(c.out)+c.missing, want)
			}
			rep, err := validate(traces, out, wire.Limits{})
			if err != nil || rep.Items != 1 || (rep.Rejected == 0) != (depth <= 45) {
				t.Errorf("depth %d, size %d: %+v, %v", depth, size, rep, err)
			}
			if depth > 45 {
				continue
			}
			r := wire.ReadTraces(out)
			r.Next()
			it := r.Span().Attributes()
			it.Next()
			got, _ := it.Value().AppendJSON(nil, depth)
			want := strings.Repeat(`[`, depth) + `"` + strings.Repeat("x", size) + `"` + strings.Repeat(`]`, depth)
			if string(got) != want {
				t.Errorf("depth %d, size %d: got %.60s", depth, size, got)
			}
		}
	}
}

// TestJSONGrowth: what JSON becomes is bounded by the limit on requests, and asked for beforehand.
func TestJSONGrowth(t *testing.T) {
	t.Parallel()
	minus := oneSpan(ids + `,"attributes":{"a":[-1` + strings.Repeat(",-1", 100_000) + `]}`)
	asked := int64(0)
	out, _, err := jsonToProto(minus, nil, traces, maxRequestBytes, func(n int64) bool { asked = max(asked, n); return true })
	if err != nil || len(out) < 4*len(minus) || asked < int64(len(out)) {
		t.Errorf("%d bytes of JSON became %d, %d were asked for, %v", len(minus), len(out), asked, err)
	}
	for want, grow := range map[situation]func(int64) bool{
		tooLarge: func(int64) bool { return true }, busy: func(n int64) bool { return n < int64(2*len(minus)) },
	} {
		limit := maxRequestBytes
		if want == tooLarge {
			limit = len(minus)
		}
		out, _, err := jsonToProto(minus, nil, traces, limit, grow)
		if r, ok := asRefusal(err); !ok || r.situation != want || len(out) > 2*len(minus)+1000 {
			t.Errorf("want %v: %d bytes, %v", want, len(out), err)
		}
	}
}

// TestRefusedSendersSeeTheAnswer: a client that writes its whole request before it reads is told why it
// was refused and does not meet a closed connection, as long as the request is not larger than what is
// drained. What a client announces beyond that is not waited for.
func TestRefusedSendersSeeTheAnswer(t *testing.T) {
	t.Parallel()
	const limit, drain = 1 << 20, 32 << 20
	deny := func(context.Context, func(string) string) (string, error) { return "", ErrUnauthenticated }
	for name, tc := range map[string]struct {
		deps Deps
		size int
		want int
	}{
		"too large":                   {Deps{}, drain / 2, http.StatusRequestEntityTooLarge},
		"without a key":               {Deps{Authorize: deny}, drain / 2, http.StatusUnauthorized},
		"larger than what is drained": {Deps{}, drain + 1, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, Config{Limits: wire.Limits{RequestBytes: limit}, DrainBytes: drain}, tc.deps, &recorder{})
			if tc.size <= drain {
				for _, known := range []bool{true, false} {
					if got := writeFirst(t, r.HTTPAddr().String(), tc.size, known); got != tc.want {
						t.Errorf("a client that writes first, length known %v: %d, want %d", known, got, tc.want)
					}
				}
				if got := testutil.ToFloat64(r.meters.drained); got < float64(tc.size) {
					t.Errorf("the metric says that %v bytes were drained", got)
				}
			}
			resp, _ := r.post(t, traces, make([]byte, tc.size), asProto)
			if resp.StatusCode != tc.want || resp.Close != (tc.size > drain) {
				t.Errorf("net/http: %d, the connection is closed: %v", resp.StatusCode, resp.Close)
			}
			before := testutil.ToFloat64(r.meters.drained)
			resp, _ = r.post(t, traces, make([]byte, tc.size), map[string]string{"Content-Type": "application/x-protobuf", "Expect": "100-continue"})
			if got := testutil.ToFloat64(r.meters.drained); resp.StatusCode != tc.want || got != before {
				t.Errorf("a client that asked first: %d, %v bytes were asked of it", resp.StatusCode, got-before)
			}
		})
	}
}

// writeFirst sends a request over a plain socket, with its length or in chunks, reads nothing until all
// of it is written, and returns the status of the answer.
func writeFirst(t *testing.T, addr string, size int, known bool) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	length := "Transfer-Encoding: chunked"
	if known {
		length = "Content-Length: " + strconv.Itoa(size)
	}
	w := bufio.NewWriter(conn)
	fmt.Fprintf(w, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n%s\r\n\r\n", length)
	if known {
		_, err = w.Write(make([]byte, size))
	} else {
		body := httputil.NewChunkedWriter(w)
		if _, err = body.Write(make([]byte, size)); err == nil {
			err = body.Close()
		}
		fmt.Fprint(w, "\r\n")
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Error("write:", err)
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Error("read:", err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
