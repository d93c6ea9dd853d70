package main

// The ports of a server: opened together and before anything else, and their addresses as people can
// use them.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// The flags that name an address to listen on.
const (
	flagHTTP     = "http-addr"
	flagOTLPGRPC = "otlp-grpc-addr"
	flagOTLPHTTP = "otlp-http-addr"
	flagPprof    = "pprof-addr"
)

// ports are the open ports by their flag.
type ports map[string]net.Listener

// openPorts opens what the settings ask for, or nothing and says every port that it cannot have.
func openPorts(ctx context.Context, s serveSettings) (ports, error) {
	addrs := map[string]string{flagHTTP: s.httpAddr}
	if s.has("ingest") {
		addrs[flagOTLPGRPC], addrs[flagOTLPHTTP] = s.otlpGRPCAddr, s.otlpHTTPAddr
	}
	if s.pprofAddr != "" {
		addrs[flagPprof] = s.pprofAddr
	}
	open := ports{}
	var errs []error
	for _, flag := range []string{flagHTTP, flagOTLPGRPC, flagOTLPHTTP, flagPprof} {
		addr, ok := addrs[flag]
		if !ok {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		switch {
		case err == nil:
			open[flag] = l
		case errors.Is(err, syscall.EADDRINUSE):
			errs = append(errs, fmt.Errorf("%s is in use by another program, maybe another tiltmeter: stop that or choose another port with --%s", addr, flag))
		default:
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, open.close())...)
	}
	return open, nil
}

// close closes the ports that nobody has closed yet.
func (p ports) close() error {
	var errs []error
	for _, l := range p {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// dialable is the address by which this machine reaches what listens on addr: "all addresses" is no
// address to open.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
