package spanlog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestOperatorsStream: a stream that an operator made is used as it is, unless it could lose what
// was acknowledged; then the error says what to change.
func TestOperatorsStream(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := Options{MaxPayloadBytes: 1 << 20}
	n := runNATS(t, natsOptions(t))
	o.URL = n.ClientURL()
	conn, err := nats.Connect(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	good := func(name string) jetstream.StreamConfig {
		prefix := subjectPrefix
		if name == deadStreamName {
			prefix = deadPrefix
		}
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{prefix + ">"}, Storage: jetstream.FileStorage, Discard: jetstream.DiscardNew,
			AllowDirect: true, MaxBytes: 1 << 20, Duplicates: DefaultDuplicates,
		}
	}
	for says, change := range map[string]func(*jetstream.StreamConfig){
		"":                          func(*jetstream.StreamConfig) {},
		`discard is "DiscardOld"`:   func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		"max_age is 1h0m0s":         func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = time.Hour, DefaultDuplicates },
		`storage is "Memory"`:       func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		`retention is "Interest"`:   func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		"max_msg_size is 1000":      func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 },
		"max_msgs_per_subject is 9": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 9 },
		"allow_direct is off":       func(c *jetstream.StreamConfig) { c.AllowDirect = false },
		"deny_purge":                func(c *jetstream.StreamConfig) { c.DenyPurge = true },
		"no_ack is on":              func(c *jetstream.StreamConfig) { c.NoAck = true },
		"its subjects are":          func(c *jetstream.StreamConfig) { c.Subjects[0] = strings.Replace(c.Subjects[0], ">", "x.>", 1) },
		"persist_mode is":           func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
	} {
		for _, name := range []string{streamName, deadStreamName} {
			c := good(name)
			change(&c)
			if err := createStream(ctx, js, c); err != nil {
				t.Fatalf("%s with %q: %v", name, says, err)
			}
			refuses(t, o, says, name)
			for _, s := range []string{streamName, deadStreamName} {
				_ = js.DeleteStream(ctx, s) // one of them may not be there
			}
		}
	}
	short := good(streamName)
	short.Duplicates = time.Minute
	if err := createStream(ctx, js, short); err != nil {
		t.Fatal(err)
	}
	refuses(t, o, "the duplicate window is 1m0s: make it 10m0s", streamName)
	o.Duplicates = time.Minute
	refuses(t, o, "", streamName)
	if err := js.DeleteKeyValue(ctx, readerBucket); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: readerBucket, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	refuses(t, o, "max_age is 1h0m0s", readerBucket)
}

// createStream makes a stream where one of that name was just deleted: the server removes its files a little later
// than it says, and cannot make a store meanwhile.
func createStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) error {
	return deleting(func() error {
		_, err := js.CreateStream(ctx, c)
		return err
	})
}

// deleting repeats what fails while the server still removes a stream.
func deleting(do func() error) error {
	for began := time.Now(); ; {
		err := do()
		if api, ok := errors.AsType[*jetstream.APIError](err); !ok || api.ErrorCode != storeFailed || time.Since(began) > 10*time.Second {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

// storeFailed is the server's JSStreamStoreFailedF: "error creating store for stream".
const storeFailed jetstream.ErrorCode = 10049

// refuses opens the log and expects an error that says this about the stream, or none.
func refuses(t *testing.T, o Options, says, stream string) {
	t.Helper()
	var l *log
	err := deleting(func() (err error) {
		l, err = open(context.Background(), o)
		return err
	})
	if err == nil {
		err = l.Close()
		if says != "" {
			t.Errorf("%s: taken although %s", stream, says)
		}
	}
	if says == "" && err != nil || says != "" && err != nil && (!strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), stream)) {
		t.Errorf("%s: %v, want %q", stream, err, says)
	}
}

// TestClusterKeepsThree: on a cluster each record is on three servers without being asked for.
func TestClusterKeepsThree(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	_, urls := runCluster(t)
	l := openExternal(t, Options{URL: urls})
	for _, name := range []string{streamName, deadStreamName, "KV_" + readerBucket} {
		s, err := l.js.Stream(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.CachedInfo().Config.Replicas; got != clusterReplicas {
			t.Errorf("%s has %d replicas", name, got)
		}
	}
	single := runNATS(t, natsOptions(t))
	if _, err := open(ctx, Options{URL: single.ClientURL(), Replicas: 3}); err == nil || !strings.Contains(err.Error(), "--nats-replicas") {
		t.Errorf("three replicas on a single server: %v", err)
	}
}

// TestTLSToNATS: the server is checked, and asks for the client's certificate.
func TestTLSToNATS(t *testing.T) {
	t.Parallel()
	ctx, dir := context.Background(), t.TempDir()
	pair := selfSigned(t, dir)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	o := natsOptions(t)
	o.TLSConfig = &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}
	o.TLS, o.TLSVerify, o.TLSTimeout = true, true, 10
	n := runNATS(t, o)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	l := openExternal(t, Options{URL: n.ClientURL(), TLSCAFile: cert, TLSCertFile: cert, TLSKeyFile: key})
	mustAppend(t, l, record(1, 100))
	if _, err := open(ctx, Options{URL: n.ClientURL(), TLSCertFile: cert, TLSKeyFile: key}); err == nil {
		t.Error("a server whose certificate nobody vouches for was taken")
	}
	if _, err := open(ctx, Options{URL: n.ClientURL(), TLSCAFile: cert}); err == nil {
		t.Error("the server took a client without a certificate")
	}
	if _, err := open(ctx, Options{URL: n.ClientURL(), CredsFile: filepath.Join(dir, "none.creds"), TLSCAFile: cert, TLSCertFile: cert, TLSKeyFile: key}); err == nil {
		t.Error("credentials that do not exist were not missed")
	}
	for _, wrong := range []Options{{Dir: dir, TLSCAFile: cert}, {URL: n.ClientURL(), TLSCertFile: cert}, {Dir: dir, Replicas: 3}} {
		if _, err := wrong.withDefaults(); err == nil {
			t.Errorf("taken: %+v", wrong)
		}
	}
}

// selfSigned writes cert.pem and key.pem for 127.0.0.1, its own authority.
func selfSigned(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
