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
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/demo"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

const demoUsage = `demo [FLAGS]

Plays the demo company's agents into a server: their history at once, then live with --forever.
A server that holds the demo's traces of these days already, like one of serve --demo, is not given
them again. --seed, --now and --truth ask for a performance of their own, --again for one more.
The addresses are the server's own settings: a flag, TILTMETER_HTTP_ADDR and
TILTMETER_OTLP_GRPC_ADDR, or the settings file.`

func runDemo(ctx context.Context, args []string, out io.Writer) error {
	o := demo.Default()
	o.Out, o.Logger = out, slog.New(slog.NewTextHandler(os.Stderr, nil))
	fs := newFlags("demo", demoUsage, out)
	o.Flags(fs)
	again := fs.Bool("again", false, "play the history once more into a server that holds it")
	var page apiServer
	fs.StringVar(&page.httpAddr, flagHTTP, "127.0.0.1:8080", "address of the server's page, which is asked whether it holds the history")
	fs.StringVar(&page.key, "read-key", "", "key with the scope read, for that question; without one that is needed the history is played")
	fs.StringVar(&page.config, "config", "", "the server's settings file, for its addresses (default tiltmeter.yaml, if there is one)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return misused(fs)
	}
	if err := resolveClient(fs, os.LookupEnv, map[string]string{"endpoint": flagOTLPGRPC}); err != nil {
		return err
	}
	o.Endpoint, page.ca = dialable(o.Endpoint), o.CA
	if err := reach(ctx, o.Endpoint, "endpoint"); o.Endpoint != "" && err != nil {
		return err
	}
	if !*again && !fs.Changed("seed") && !fs.Changed("now") && o.Truth == "" {
		o.Played = func(ctx context.Context, from, to time.Time) (bool, error) {
			there, err := page.holdsDemo(ctx, from, to)
			if err != nil {
				o.Logger.Warn("cannot see whether the demo was played before; it is played", "error", err)
			}
			return there, nil
		}
	}
	return explainExport(o.Endpoint, demo.Run(ctx, o))
}

// storedWithin is how long demo waits for the server to store what it had taken before.
const storedWithin = 30 * time.Second

// holdsDemo reports whether the server holds the demo's traces of that time, those included that it had
// taken and not yet stored when it was asked.
func (s *apiServer) holdsDemo(ctx context.Context, from, to time.Time) (bool, error) {
	conn, err := s.dial()
	if err != nil {
		return false, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, storedWithin)
	defer cancel()
	for began := time.Now(); ; {
		st, err := pb.NewIngestServiceClient(conn).GetIngestStatus(s.authorize(ctx), &pb.GetIngestStatusRequest{})
		if err != nil {
			return false, s.explain(ctx, err)
		}
		if st.GetLog().GetPendingMessages() == 0 || st.GetLog().GetLag().AsDuration() < time.Since(began) {
			break
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("the server has not stored within %s what it has taken", storedWithin)
		case <-time.After(readyPoll):
		}
	}
	list, err := pb.NewTraceServiceClient(conn).ListTraces(s.authorize(ctx), &pb.ListTracesRequest{
		StartTime: timestamppb.New(from), EndTime: timestamppb.New(to), Filter: []string{"service=" + demo.SupportService}, PageSize: 1,
	})
	return len(list.GetTraces()) > 0, s.explain(ctx, err)
}

// explainExport says what a refused export means, and what to do, without the words of gRPC.
func explainExport(addr string, err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	// FromError puts what wraps the status before its text, which ends with what the server said.
	_, said, found := strings.Cut(st.Message(), " desc = ")
	if !found {
		said = st.Message()
	}
	switch st.Code() {
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("the server at %s: %s; name it with --key or TILTMETER_KEY", addr, said)
	default:
		return fmt.Errorf("the server at %s does not take the traces: %s", addr, said)
	}
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
