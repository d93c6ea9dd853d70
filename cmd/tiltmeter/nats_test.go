package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettingsOfNATS: each comes by flag, variable and file, and what makes no sense is refused.
func TestSettingsOfNATS(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tiltmeter.yaml")
	if err := os.WriteFile(file, []byte("nats-ca: ca.pem\nnats-replicas: 5\nnats-cert: lost\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"TILTMETER_NATS_CREDS": "user.creds", "TILTMETER_NATS_CERT": "cert.pem", "TILTMETER_NATS_KEY": "key.pem"}
	var s serveSettings
	fs := newFlags("serve", "", io.Discard)
	s.flags(fs)
	if err := fs.Parse([]string{"--config", file, "--nats-url", "nats://a:4222", "--nats-replicas", "3"}); err != nil {
		t.Fatal(err)
	}
	if _, err := resolve(fs, func(name string) (string, bool) { v, ok := env[name]; return v, ok }); err != nil {
		t.Fatal(err)
	}
	got := []any{s.natsURL, s.natsCreds, s.natsCA, s.natsCert, s.natsKey, s.natsReplicas}
	for i, want := range []any{"nats://a:4222", "user.creds", "ca.pem", "cert.pem", "key.pem", 3} {
		if got[i] != want {
			t.Errorf("setting %d is %v, want %v", i, got[i], want)
		}
	}
	if err := s.validate(); err != nil {
		t.Error(err)
	}
	s.natsURL, s.natsKey, s.natsReplicas = "", "", 6
	err := s.validate()
	for _, want := range []string{"--nats-url: is empty", "--nats-cert: a certificate and --nats-key", "--nats-replicas: JetStream keeps 1 to 5"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
