package otlp

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// maxScopeSeries bounds the label values of metricPoints: scope names come from clients.
const maxScopeSeries = 64

// maxScopeBytes bounds one of them.
const maxScopeBytes = 128

// otherScope stands for the scopes past maxScopeSeries.
const otherScope = "other"

// meters are the Prometheus metrics of the receivers.
type meters struct {
	requests   *prometheus.CounterVec
	received   *prometheus.CounterVec
	rejected   *prometheus.CounterVec
	refusals   *prometheus.CounterVec
	duplicates *prometheus.CounterVec
	bytes      *prometheus.CounterVec
	drained    prometheus.Counter
	panics     prometheus.Counter
	points     *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	scopes     *boundedSet
}

func newMeters(reg prometheus.Registerer, g *gate) (*meters, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &meters{
		requests: counter("tiltmeter_ingest_requests_total",
			"Requests by signal, transport, encoding and the code they were answered with.",
			"signal", "transport", "encoding", "code"),
		received: counter("tiltmeter_ingest_received_spans_total",
			"Spans and log records that were written to the log.", "project", "signal"),
		rejected: counter("tiltmeter_ingest_rejected_spans_total",
			"Spans and log records that were refused, by reason.", "project", "signal", "reason"),
		refusals: counter("tiltmeter_ingest_refused_requests_total",
			"Requests that were turned away, by reason: busy, throttled, failing, undecodable, wrong_type, "+
				"unknown_encoding, too_large, unauthenticated or forbidden.", "signal", "reason"),
		duplicates: counter("tiltmeter_ingest_duplicate_requests_total",
			"Requests that the log already had: a sender's retry.", "signal"),
		bytes: counter("tiltmeter_ingest_received_bytes_total",
			"Bytes of requests after decompression, as protobuf.", "signal"),
		drained: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_ingest_drained_bytes_total",
			Help: "Bytes of refused requests over HTTP that were read and thrown away, so that their senders see the answer.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_ingest_panics_total", Help: "Panics that a handler recovered from.",
		}),
		points: counter("tiltmeter_ingest_metric_points_total",
			"Metric data points that were counted and not stored, by instrumentation scope.",
			"project", "scope"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tiltmeter_ingest_request_seconds",
			Help:    "Seconds from the first byte of a request to its answer.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"signal", "transport"}),
		scopes: &boundedSet{limit: maxScopeSeries, seen: make(map[string]struct{})},
	}
	inFlight := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tiltmeter_ingest_in_flight_bytes",
		Help: "Bytes of requests that are being read, checked or written to the log.",
	}, func() float64 { return float64(g.used.Load()) })
	for _, c := range []prometheus.Collector{
		m.requests, m.received, m.rejected, m.refusals, m.duplicates, m.bytes, m.drained, m.panics, m.points, m.seconds,
		inFlight,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// taken counts what a request that was written to the log held.
func (m *meters) taken(project string, s signal, rep *wire.Report) {
	m.received.WithLabelValues(project, s.String()).Add(float64(rep.Accepted()))
	m.refused(project, s, rep)
}

func (m *meters) refused(project string, s signal, rep *wire.Report) {
	for reason, n := range rep.Reasons {
		if n > 0 {
			m.rejected.WithLabelValues(project, s.String(), wire.Reason(reason).String()).Add(float64(n))
		}
	}
}

// answered counts an answer.
func (m *meters) answered(s signal, transport, encoding, code string, took time.Duration) {
	m.requests.WithLabelValues(s.String(), transport, encoding, code).Inc()
	m.seconds.WithLabelValues(s.String(), transport).Observe(took.Seconds())
}
