package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/prometheus/client_golang/prometheus"
)

// requestIDHeader carries the id by which a user and our log speak of the same request.
const requestIDHeader = "X-Request-Id"

// maxRequestIDChars bounds an id that a client chose.
const maxRequestIDChars = 64

type requestIDKey struct{}

// withRequestID keeps the id that the client or a proxy gave, when it can be logged as it is, else a new one.
func withRequestID(ctx context.Context, given string) context.Context {
	if !loggable(given) {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails: it ends the process instead
		given = hex.EncodeToString(b[:])
	}
	return context.WithValue(ctx, requestIDKey{}, given)
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func loggable(id string) bool {
	if id == "" || len(id) > maxRequestIDChars {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// metrics are the books of the API.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	panics   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiltmeter_api_requests_total", Help: "Calls by method and gRPC code, those of the REST gateway included.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tiltmeter_api_request_seconds", Help: "Time of calls that succeeded.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12), // 1 ms to 24 s
		}, []string{"method"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_api_panics_total", Help: "Requests that ended in a panic, which is a bug of ours.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.seconds, m.panics)
	}
	return m
}
