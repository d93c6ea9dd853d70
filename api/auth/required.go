package auth

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Required reports whether keys are needed: as soon as one address is not loopback, on every port.
// An address without a host, and a host name other than localhost, count as reachable.
func Required(addrs ...string) bool {
	_, ok := firstReachable(addrs)
	return ok
}

func firstReachable(addrs []string) (addr string, ok bool) {
	for _, a := range addrs {
		if !isLoopback(a) {
			return a, true
		}
	}
	return "", false
}

func isLoopback(addr string) bool {
	if strings.HasPrefix(addr, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = strings.Trim(addr, "[]")
	}
	return isLoopbackHost(host)
}

// isLoopbackHost reports whether the host, without a port, can only be this machine.
func isLoopbackHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true // RFC 6761, section 6.3
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// ErrNoKeys is the class of the error with which Check refuses to start.
var ErrNoKeys = errors.New("keys are needed and none exists")

// Check says whether a server on these addresses may start, and whether its requests need keys.
func Check(keys *Keys, addrs ...string) (required bool, err error) {
	open, ok := firstReachable(addrs)
	if !ok {
		return false, nil
	}
	all, err := keys.List()
	if err != nil {
		return true, err
	}
	if len(all) > 0 {
		return true, nil
	}
	return true, &noKeysError{addr: open}
}

type noKeysError struct{ addr string }

func (e *noKeysError) Error() string {
	return fmt.Sprintf("the server listens on %s, which others can reach, and no key exists. "+
		"Run `tiltmeter keys create --scope ingest` for the applications that send and "+
		"`tiltmeter keys create --scope read` for the people who look, or listen on 127.0.0.1", e.addr)
}

func (e *noKeysError) Unwrap() error { return ErrNoKeys }
