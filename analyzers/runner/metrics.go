package runner

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	lag                       prometheus.Gauge
	skipped, calls, truncated prometheus.Counter
	scored, seconds, missed   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tiltmeter", Subsystem: "analyzers", Name: name, Help: help})
	}
	by := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tiltmeter", Subsystem: "analyzers", Name: name, Help: help}, labels)
	}
	m := &metrics{
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "tiltmeter", Subsystem: "analyzers", Name: "lag_seconds", Help: "Age of the oldest record of the log that is not scored.",
		}),
		skipped:   counter("left_out_records_total", "Records of the log that were not scored, because too many waited."),
		calls:     counter("spans_total", "Spans that were offered to the analyzers."),
		truncated: counter("truncated_traces_total", "Traces that were scored in part: they have more spans or content than is read at once."),
		scored:    by("scored_spans_total", "Spans that an analyzer scored, by analyzer.", "analyzer"),
		seconds:   by("seconds_total", "Time that an analyzer took, by analyzer.", "analyzer"),
		missed:    by("missed_spans_total", "Spans that an analyzer did not score, by analyzer and reason: error, panic, budget, stuck; of a second opinion also queue, questions (those of the hour are asked), rests, store.", "analyzer", "reason"),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.lag, m.skipped, m.calls, m.truncated, m.scored, m.seconds, m.missed} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
