package spanlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds how long a scrape waits for the log's own status.
const scrapeTimeout = 2 * time.Second

type metrics struct {
	records     *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	duplicates  prometheus.Counter
	refused     *prometheus.CounterVec
	seconds     prometheus.Histogram
	deadLetters *prometheus.CounterVec
	recoveries  prometheus.Counter
	trimmed     prometheus.Counter
	earlyTrims  prometheus.Counter
	resets      *prometheus.CounterVec
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tiltmeter_log_" + name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tiltmeter_log_" + name, Help: help}, []string{label})
	}
	return &metrics{
		records:    vec("appended_records_total", "Records stored.", "signal"),
		bytes:      vec("appended_bytes_total", "Payload bytes stored.", "signal"),
		duplicates: counter("duplicates_total", "Records that were in the log already and were not stored again."),
		refused:    vec("refused_records_total", "Appends refused, by reason.", "reason"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tiltmeter_log_append_seconds", Help: "Time from append to the end of its fsync.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 13),
		}),
		deadLetters: vec("dead_letters_total", "Records put into the dead letters, by reason.", "reason"),
		recoveries:  counter("recoveries_total", "Times the embedded log was opened again after a write error."),
		trimmed:     counter("trimmed_records_total", "Records removed after every reader had committed them."),
		earlyTrims:  counter("early_trims_total", "Trims that shortened the duplicate window across a restart, because the log was over half full."),
		resets:      vec("reader_resets_total", "Times a reader's position was moved because the log's stream was replaced, or had lost its end, by reason.", "reason"),
	}
}

func (m *metrics) collectors(l *log) []prometheus.Collector {
	return []prometheus.Collector{
		m.records, m.bytes, m.duplicates, m.refused, m.seconds, m.deadLetters, m.recoveries,
		m.trimmed, m.earlyTrims, m.resets,
		statusCollector{l},
	}
}

func (l *log) registerMetrics() error {
	if l.opts.Registerer == nil {
		return nil
	}
	for _, c := range l.metrics.collectors(l) {
		if err := l.opts.Registerer.Register(c); err != nil {
			return fmt.Errorf("register log metrics: %w", err)
		}
		l.registered = append(l.registered, c)
	}
	return nil
}

func refusalReason(err error) string {
	for reason, class := range map[string]error{
		"full": ErrFull, "disk": ErrDisk, "too_large": ErrTooLarge, "unavailable": ErrUnavailable,
		"invalid": ErrInvalid, "closed": ErrClosed,
	} {
		if errors.Is(err, class) {
			return reason
		}
	}
	return "canceled"
}

var (
	descBytes   = prometheus.NewDesc("tiltmeter_log_bytes", "Bytes that the log holds.", nil, nil)
	descPending = prometheus.NewDesc("tiltmeter_log_reader_pending_records", "Positions after the last committed one.", []string{"reader"}, nil)
	descLag     = prometheus.NewDesc("tiltmeter_log_reader_lag_seconds", "Age of the oldest record that the reader has not committed.", []string{"reader"}, nil)
	descDead    = prometheus.NewDesc("tiltmeter_log_dead_letters", "Dead letters kept now.", nil, nil)
)

// statusCollector asks for the status when it is scraped; an unavailable log gives no samples.
type statusCollector struct{ log *log }

func (c statusCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descBytes, descPending, descLag, descDead} {
		ch <- d
	}
}

func (c statusCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	st, err := c.log.Status(ctx)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descBytes, float64(st.Bytes))
	gauge(descDead, float64(st.DeadLetters))
	for _, r := range st.Readers {
		gauge(descPending, float64(r.Pending), r.Name)
		gauge(descLag, r.Lag.Seconds(), r.Name)
	}
}
