package embed

// What an endpoint counts.

import "github.com/prometheus/client_golang/prometheus"

type endpointMetrics struct {
	requests *prometheus.CounterVec
	texts    *prometheus.CounterVec
	cut      prometheus.Counter
}

func newEndpointMetrics(r prometheus.Registerer) *endpointMetrics {
	m := &endpointMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiltmeter_embedding_requests_total",
			Help: "Attempts to embed texts at the endpoint, and requests that the open breaker refused.",
		}, []string{"outcome"}),
		texts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiltmeter_embedding_texts_total",
			Help: "Texts embedded by the endpoint or found in the cache.",
		}, []string{"source"}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_embedding_texts_cut_total",
			Help: "Texts longer than what is sent, cut.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.texts, m.cut)
	}
	return m
}
