package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestIngestIsUpBeforeTheEngine: with an engine that cannot start, requests are taken all the same, and
// /readyz says what is missing.
func TestIngestIsUpBeforeTheEngine(t *testing.T) {
	t.Parallel()
	library := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(library, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "--data-dir", t.TempDir(), "--engine-library", library)
	s.launch()
	sendUntilTaken(t, s)
	var code int
	var body string
	if !eventually(startWithin, func() bool { // its port is the last to be opened
		code, body = get(s.url() + "/readyz")
		return code != 0
	}) || code != http.StatusServiceUnavailable || !strings.Contains(body, "engine is") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if strings.Contains(s.logged(), "Tiltmeter is ready") {
		t.Error("it calls itself ready")
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// sendUntilTaken sends one trace until the server acknowledges it.
func sendUntilTaken(t *testing.T, s *server) {
	t.Helper()
	body := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0123456789abcdef0123456789abcdef","spanId":"0123456789abcdef","name":"first"}]}]}]}`
	last := ""
	if !eventually(startWithin, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.otlpHTTP+"/v1/traces", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
			return false
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body) // for the message of a failure alone
		last = fmt.Sprintf("%d %s", res.StatusCode, text)
		return res.StatusCode == http.StatusOK
	}) {
		t.Fatalf("no request was taken: %s", last)
	}
}

// TestEndsInItsFirstStart ends the server over and over while it makes its data folder, by SIGKILL,
// by Ctrl-C and by SIGTERM. The folder is good after that.
func TestEndsInItsFirstStart(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2 {
		s := newServer(t, "--data-dir", t.TempDir())
		for n := range 9 {
			s.launch()
			pause(t.Context(), time.Duration(rng.IntN(900))*time.Millisecond)
			signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM}[n%3]
			_ = s.cmd.Process.Signal(signal) // it may be gone
			<-s.exited
		}
		s.start()
		load(t, loadgen.Options{Endpoint: s.grpc, Verify: s.url(), Seed: 5, Spans: 500}, func(context.Context) {})
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	}
}

// TestIngestOutlivesEveryAnswer: a proxy without a server behind it, and a ClickHouse that refuses for
// the moment, are no reason to end. A database that this binary must not touch is.
func TestIngestOutlivesEveryAnswer(t *testing.T) {
	t.Parallel()
	eng, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	upstream := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	upstream.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return eng.Dial(ctx) }}
	var asked, well atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		switch {
		case well.Load() != 0:
			upstream.ServeHTTP(w, r)
		case n%3 == 0:
			http.Error(w, "no upstream", http.StatusBadGateway)
		case n%3 == 1:
			w.Header().Set("X-ClickHouse-Exception-Code", "202")
			http.Error(w, "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)", http.StatusInternalServerError)
		default:
			http.Error(w, "maintenance", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(proxy.Close)
	dsn := proxy.URL + "/answers"
	s := newServer(t, "--data-dir", t.TempDir(), "--clickhouse-dsn", dsn)
	s.launch()
	sendUntilTaken(t, s)
	if !eventually(startWithin, func() bool { return asked.Load() > 12 }) {
		t.Fatal("it does not ask again")
	}
	well.Store(1)
	s.waitReady()
	stored := eventually(startWithin, func() bool {
		_, body := get(s.url() + "/v1/ingest/status")
		return regexp.MustCompile(`"storedSpans":\s*"?1"?[,}]`).MatchString(body)
	})
	if !stored {
		_, body := get(s.url() + "/v1/ingest/status")
		t.Errorf("the span was not stored: %s", body)
	}
	s.stop()

	const newer = `INSERT INTO schema_migrations (number, name, checksum, finished_at) SELECT 9999, '9999_future.sql', '', now64(3)`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://engine/?database=answers", strings.NewReader(newer))
	if err != nil {
		t.Fatal(err)
	}
	res, err := upstream.Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("make it newer: %s", res.Status)
	}
	s.launch()
	select {
	case <-s.exited:
	case <-time.After(startWithin):
		t.Fatal("it goes on beside a database that is newer")
	}
	if code := s.cmd.ProcessState.ExitCode(); code == 0 || !strings.Contains(s.logged(), "newer than this binary") {
		t.Errorf("exit code %d", code)
	}
}

// TestSettingsOfTheStore: the help's example is a DSN, and what cannot be is refused before anything starts.
func TestSettingsOfTheStore(t *testing.T) {
	t.Parallel()
	var s serveSettings
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	s.flags(fs)
	example := regexp.MustCompile(`\w+://\S+`).FindString(fs.Lookup("clickhouse-dsn").Usage)
	if _, err := store.ParseDSN(strings.TrimRight(example, ";")); err != nil {
		t.Errorf("the help says %q: %v", example, err)
	}
	for _, args := range [][]string{
		{"--retention", "36500d"},
		{"--retention", "876000h"}, // as many
		{"--retention", "-24h"},
		{"--retention", "36h"},
		{"--retention", "d"},
		{"--retention", "99999999999d"},
		{"--clickhouse-cluster", "main"},
	} {
		var s serveSettings
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		s.flags(fs)
		err := fs.Parse(args)
		if err == nil {
			err = s.validate()
		}
		if err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestRequireKeys: behind a proxy everything comes from loopback, so keys can be asked for there too.
func TestRequireKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newServer(t, "--data-dir", dir, "--require-keys", "--roles", "ingest")
	s.launch()
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code == 0 {
		t.Errorf("without a key: exit code %d", code)
	}
	s.said("tiltmeter keys create") // what a process said last may be read after its end
	keys, err := auth.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := keys.Create(auth.ScopeIngest, auth.DefaultProject, "app")
	if err != nil {
		t.Fatal(err)
	}
	s.launch()
	send := func(key string) (code int) {
		eventually(startWithin, func() bool {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.otlpHTTP+"/v1/traces", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if key != "" {
				req.Header.Set("Authorization", "Bearer "+key)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return false
			}
			res.Body.Close()
			code = res.StatusCode
			return true
		})
		return code
	}
	if got := [3]int{send(""), send("nope"), send(secret)}; got != [3]int{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusOK} {
		t.Errorf("without, with a wrong and with the key: %v", got)
	}
}
