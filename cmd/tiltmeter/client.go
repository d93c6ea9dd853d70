package main

// What the commands share that talk to a running server: where it is, and what to say when it does not
// answer.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// apiServer is how a command reaches the services on the port that also serves the page.
type apiServer struct {
	config   string
	httpAddr string
	key      string
	ca       string
}

func (s *apiServer) flags(fs *pflag.FlagSet, scope string) {
	fs.StringVar(&s.config, "config", "", "the server's settings file, for its addresses (default tiltmeter.yaml, if there is one)")
	fs.StringVar(&s.httpAddr, flagHTTP, "127.0.0.1:8080", "address of the server's page, host:port or a URL")
	fs.StringVar(&s.key, "key", "", "key with the scope "+scope)
	fs.StringVar(&s.ca, "ca", "", "PEM file of the authority that signed the server's certificate; turns TLS on")
}

// dial prepares a connection; it is made by the first call.
func (s *apiServer) dial() (*grpc.ClientConn, error) {
	addr, secure := s.httpAddr, s.ca != ""
	if u, err := url.Parse(s.httpAddr); err == nil && u.Host != "" {
		addr, secure = u.Host, secure || u.Scheme == "https"
		if u.Port() == "" {
			addr = net.JoinHostPort(u.Hostname(), usualPort(u.Scheme))
		}
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("--%s %q is neither host:port nor a URL like http://127.0.0.1:8080", flagHTTP, s.httpAddr)
	}
	s.httpAddr = dialable(addr)
	creds := insecure.NewCredentials()
	if secure {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.ca != "" {
			pem, err := os.ReadFile(s.ca)
			if err != nil {
				return nil, fmt.Errorf("--ca: %w", err)
			}
			if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(pem) {
				return nil, fmt.Errorf("--ca: %s holds no PEM certificate", s.ca)
			}
		}
		creds = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("passthrough:///"+s.httpAddr, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flagHTTP, err)
	}
	return conn, nil
}

// usualPort is the port of a URL that names none.
func usualPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// authorize adds the key to the calls of ctx.
func (s *apiServer) authorize(ctx context.Context) context.Context {
	if s.key == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.key)
}

// explain says what a call's error means for who called, and what to do.
func (s *apiServer) explain(ctx context.Context, err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	switch st.Code() {
	case codes.Unavailable:
		if reachErr := reach(ctx, s.httpAddr, flagHTTP); reachErr != nil {
			return reachErr
		}
		return fmt.Errorf("what answers at %s is not ready, or no tiltmeter, or speaks TLS where this does not (--ca): %s", s.httpAddr, st.Message())
	case codes.Unauthenticated:
		return fmt.Errorf("the server at %s: %s; name a key with --key or TILTMETER_KEY, `tiltmeter keys create` makes one", s.httpAddr, withoutClass(st.Message()))
	default:
		return fmt.Errorf("the server at %s: %s", s.httpAddr, withoutClass(st.Message()))
	}
}

// withoutClass cuts the name of an error's class, which the status says already.
func withoutClass(message string) string {
	for _, class := range []string{"unauthenticated: ", "forbidden: "} {
		message = strings.TrimPrefix(message, class)
	}
	return message
}

// reachWithin is how long a server may take to accept a connection.
const reachWithin = 5 * time.Second

// reach says what to do when nothing listens at addr, the address that the flag sets.
func reach(ctx context.Context, addr, flag string) error {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err == nil {
		return conn.Close()
	}
	if cause := errors.Unwrap(err); cause != nil {
		err = cause
	}
	return fmt.Errorf("no server answers at %s (%w); start one with `tiltmeter serve` or name it with --%s", addr, err, flag)
}
