package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/demo"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
	"github.com/tiltmeter/tiltmeter/store"
)

func runDemo(ctx context.Context, args []string, out io.Writer) error {
	o := demo.Default()
	o.Out, o.Logger = out, slog.New(slog.NewTextHandler(os.Stderr, nil))
	fs := newFlags("demo", "demo [FLAGS]\n\nPlays the demo company's agents into a server: their history at once, then live with --forever.", out)
	o.Flags(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	return demo.Run(ctx, o)
}

// startDemo plays into this server's own receiver, over its port, as any other sender.
func (a *app) startDemo(context.Context) error {
	if !a.s.demo || a.otlp == nil {
		return nil
	}
	o := demo.Default()
	o.Endpoint, o.Forever, o.Logger = a.otlp.GRPCAddr().String(), true, a.log
	o.Key, o.TLS = a.demoKey, a.demoTLS()
	if a.store != nil {
		o.Played = a.demoPlayed
	}
	a.run(func(ctx context.Context) error { //nolint:contextcheck // it ends with the app, not with its start
		if err := demo.Run(ctx, o); err != nil && ctx.Err() == nil {
			a.log.Error("the demo stopped", "error", err) // the server is not the demo's
		}
		return nil
	})
	return nil
}

// newDemoKey is a secret of this process, by which the receivers know its own demo; empty without one.
func newDemoKey(s serveSettings) string {
	if !s.demo {
		return ""
	}
	return rand.Text()
}

// isDemo reports whether a request comes from this process's own demo. Whether keys are needed is no
// matter then, and no key has to be made for it.
func (a *app) isDemo(header func(string) string) bool {
	return a.demoKey != "" && subtle.ConstantTimeCompare([]byte(header("authorization")), []byte("Bearer "+a.demoKey)) == 1
}

// demoTLS trusts the very certificate that this server shows, whatever name it is for: the demo
// dials an address. nil without TLS.
func (a *app) demoTLS() *tls.Config {
	if a.s.tlsCert == "" {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection compares the certificate itself
		VerifyConnection: func(c tls.ConnectionState) error {
			text, err := os.ReadFile(a.s.tlsCert) // every time: it may have been renewed
			if err != nil {
				return fmt.Errorf("read own certificate: %w", err)
			}
			own, _ := pem.Decode(text)
			if own == nil || len(c.PeerCertificates) == 0 || !bytes.Equal(own.Bytes, c.PeerCertificates[0].Raw) {
				return errors.New("this is not the server's own certificate")
			}
			return nil
		},
	}
}

// demoPlayed reports whether the store holds the demo's traces of that time. It waits until what an
// earlier process took is stored, and until the store answers.
func (a *app) demoPlayed(ctx context.Context, from, to time.Time) (bool, error) {
	filter, err := store.ParseFilter([]string{"service=" + demo.SupportService})
	if err != nil {
		return false, err
	}
	for {
		var page store.TracePage
		waits, err := a.waitsSinceStart(ctx)
		if err == nil && !waits {
			page, err = a.store.ListTraces(ctx, store.TraceQuery{Project: auth.DefaultProject, From: from, To: to, Filter: filter, Limit: 1})
			if err == nil {
				return len(page.Traces) > 0, nil
			}
		}
		if err != nil {
			a.log.Debug("the demo waits for the store", "error", err)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// waitsSinceStart reports whether the log holds what is older than this process and not stored yet.
func (a *app) waitsSinceStart(ctx context.Context) (bool, error) {
	status, err := a.spans.Status(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the log: %w", err)
	}
	for _, r := range status.Readers {
		if r.Name == writer.ReaderName && r.Pending > 0 && r.Lag > time.Since(a.started) {
			return true, nil
		}
	}
	return false, nil
}
