package auth

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Protect refuses requests that a web page of another origin makes a browser send.
//
// While no keys are required, the Host must be this machine's (or one of AllowedHosts), which a
// page that rebinds its own name cannot forge, and an Origin, if there is one, must be as well.
// Always: a request that changes something must come from the same origin (Sec-Fetch-Site, Origin),
// so that a session cookie cannot be used from elsewhere. Programs send neither header and pass.
func (g *Guard) Protect(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.checkHost(r); err != nil {
			g.refused.WithLabelValues("host").Inc()
			refuse(w, r, err)
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			g.refused.WithLabelValues("origin").Inc()
			refuse(w, r, fmt.Errorf("%w: a page of another origin may not do this", ErrForbidden))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Guard) checkHost(r *http.Request) error {
	if g.required {
		return nil
	}
	if !g.own(r.Host) {
		return fmt.Errorf("%w: this server does not answer to the host %q: reach it as localhost, or allow the name", ErrForbidden, r.Host)
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || !g.own(u.Host) {
		return fmt.Errorf("%w: a page of the origin %q may not read this server", ErrForbidden, origin)
	}
	return nil
}

// own reports whether host[:port] names this machine or an allowed host.
func (g *Guard) own(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return isLoopbackHost(host) || g.hosts[strings.ToLower(host)]
}
