package writer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the writer counts; Stats reads them back.
type metrics struct {
	spans, logs, records, retries prometheus.Counter
	dead                          *prometheus.CounterVec
	rows                          prometheus.Histogram
	seconds                       prometheus.Histogram
	totals                        totals
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tiltmeter", Subsystem: "writer", Name: name, Help: help})
	}
	m := &metrics{
		spans:   counter("stored_spans_total", "Spans that are stored."),
		logs:    counter("stored_log_records_total", "Log records that are stored."),
		records: counter("committed_records_total", "Records of the log that are done: stored, or put with the dead letters."),
		retries: counter("retries_total", "Attempts that failed and were made again."),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tiltmeter", Subsystem: "writer", Name: "dead_letters_total", Help: "Records that could not be read, or that ClickHouse does not take, by reason.",
		}, []string{"reason"}),
		rows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tiltmeter", Subsystem: "writer", Name: "batch_rows", Help: "Rows of a batch.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 10),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "tiltmeter", Subsystem: "writer", Name: "insert_seconds", Help: "Time from a full batch to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.spans, m.logs, m.records, m.retries, m.dead, m.rows, m.seconds} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// stored counts what is done with: rows and dead letters.
func (m *metrics) stored(b *batch) {
	m.spans.Add(float64(b.spans))
	m.logs.Add(float64(b.logs))
	m.records.Add(float64(b.records))
	for _, d := range b.dead {
		m.dead.WithLabelValues(d.Reason).Inc()
	}
	m.totals.add(b)
}

func (m *metrics) inserted(rows int, took time.Duration) {
	m.rows.Observe(float64(rows))
	m.seconds.Observe(took.Seconds())
}
