package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/api/auth"
)

// said waits until the server's log holds the text.
func (s *server) said(text string) {
	s.t.Helper()
	if !eventually(startWithin, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.log.String(), text)
	}) {
		s.t.Fatalf("the server did not say %q: %s", text, s.logged())
	}
}

const (
	historyPlayed = "the demo's history is played"
	historyThere  = "the demo's history is stored already"
)

// stored is how many traces the list has in that time.
func (s *server) stored(from, to time.Time) (n int) {
	s.t.Helper()
	q := url.Values{"startTime": {from.Format(time.RFC3339Nano)}, "endTime": {to.Format(time.RFC3339Nano)}, "pageSize": {"500"}}
	for {
		var page struct {
			Traces        []struct{ TraceID string }
			NextPageToken string
		}
		getJSON(s.t, s.url()+"/v1/traces?"+q.Encode(), &page)
		n += len(page.Traces)
		if page.NextPageToken == "" {
			return n
		}
		q.Set("pageToken", page.NextPageToken)
	}
}

func TestASecondServeDoesNotDoubleTheDemo(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "100ms", "--demo")
	from := time.Now().Add(-5 * 24 * time.Hour)
	s.start()
	s.said(historyPlayed)
	to := time.Now().Add(-time.Minute) // before anything that is played live
	s.kill()                           // with part of the history in the log alone
	s.launch()
	s.waitReady()
	s.said(historyThere)
	if n := s.stored(from, to); n < 1200 || n > 2200 {
		t.Errorf("%d traces of the history are stored, want those of one: about 1,500", n)
	}
	if strings.Count(s.logged(), historyPlayed) > 1 {
		t.Error("the history was played again")
	}
}

// TestDemoBesideADemo: what serve --demo has played is not played again, also when it is not stored yet;
// who wants it again says so.
func TestDemoBesideADemo(t *testing.T) {
	t.Parallel()
	s := newServer(t, "--data-dir", t.TempDir(), "--flush-every", "2s", "--demo")
	s.start()
	s.said(historyPlayed)
	demo := []string{"demo", "--endpoint", s.grpc, "--http-addr", s.http}
	if got := tool(t, nil, demo...); got.code != 0 || !strings.Contains(got.out, "nothing is left to play") {
		t.Errorf("demo beside serve --demo: %+v", got)
	}
	if got := tool(t, nil, append(demo, "--again", "--days", "0.05")...); got.code != 0 || !strings.Contains(got.out, "played 0.05 days") {
		t.Errorf("demo --again: %+v", got)
	}
}

func TestDemoBehindKeysAndTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	keys, err := auth.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := keys.Create(auth.ScopeRead, auth.DefaultProject, "somebody else"); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, "--data-dir", dir, "--tls-cert", cert, "--tls-key", key, "--demo", "--otlp-grpc-addr", "0.0.0.0:"+port)
	s.launch()
	s.said("every request needs a key")
	s.said(historyPlayed)
}

// certificate writes one that is for no address of this machine, as most are.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tiltmeter.example"}, DNSNames: []string{"tiltmeter.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", public), write("key.pem", "PRIVATE KEY", secret)
}
