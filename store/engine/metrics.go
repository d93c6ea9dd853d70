package engine

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the supervisor's figures; what happens inside the child is told
// by the child (see childStats).
type metrics struct {
	restarts      prometheus.Counter
	hangs         prometheus.Counter
	stderrDropped prometheus.Counter
	all           []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer, e *Engine) (*metrics, error) {
	m := &metrics{
		restarts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_engine_restarts_total",
			Help: "Times the embedded ClickHouse was started again after it died.",
		}),
		hangs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_engine_hangs_total",
			Help: "Times the embedded ClickHouse was killed because it no longer answered.",
		}),
		stderrDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_engine_stderr_dropped_lines_total",
			Help: "Lines of the embedded ClickHouse's stderr that were over the limit and not logged.",
		}),
	}
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tiltmeter_engine_ready",
		Help: "1 while the embedded ClickHouse answers statements.",
	}, func() float64 {
		if e.Ready() == nil {
			return 1
		}
		return 0
	})
	m.all = []prometheus.Collector{m.restarts, m.hangs, m.stderrDropped, ready, &childCollector{engine: e}}
	if reg == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := reg.Register(c); err != nil {
			for _, registered := range m.all[:i] {
				reg.Unregister(registered)
			}
			return nil, fmt.Errorf("register engine metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) unregister(reg prometheus.Registerer) {
	if reg == nil {
		return
	}
	for _, c := range m.all {
		reg.Unregister(c)
	}
}
