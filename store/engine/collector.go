package engine

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout keeps a hanging child from hanging /metrics.
const scrapeTimeout = time.Second

var (
	statementsDesc = prometheus.NewDesc("tiltmeter_engine_statements_total",
		"Statements that reached the embedded ClickHouse.", nil, nil)
	refusedDesc = prometheus.NewDesc("tiltmeter_engine_failed_statements_total",
		"Statements that did not succeed, by reason: error, cancelled, too_large, queue_full.", []string{"reason"}, nil)
	errorsDesc = prometheus.NewDesc("tiltmeter_engine_errors_total",
		"Errors counted by the embedded ClickHouse itself, those of background work included, by its name for them.", []string{"name"}, nil)
	insertBytesDesc = prometheus.NewDesc("tiltmeter_engine_insert_bytes_total",
		"Bytes of insert bodies handed to the embedded ClickHouse.", nil, nil)
	queuedDesc = prometheus.NewDesc("tiltmeter_engine_queued_statements",
		"Statements waiting for a connection.", nil, nil)
	runningDesc = prometheus.NewDesc("tiltmeter_engine_running_statements",
		"Statements being executed.", nil, nil)
)

// childCollector asks the child for its counters. They begin at zero with
// every child, which Prometheus reads as a counter's reset.
type childCollector struct{ engine *Engine }

func (c *childCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{statementsDesc, refusedDesc, errorsDesc, insertBytesDesc, queuedDesc, runningDesc} {
		ch <- d
	}
}

func (c *childCollector) Collect(ch chan<- prometheus.Metric) {
	s, ok := c.engine.childStats()
	if !ok {
		return // tiltmeter_engine_ready tells
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	counter(statementsDesc, s.Statements)
	counter(refusedDesc, s.Failed-s.QueueFull, "error")
	counter(refusedDesc, s.Cancelled, "cancelled")
	counter(refusedDesc, s.TooLarge, "too_large")
	counter(refusedDesc, s.QueueFull, "queue_full")
	counter(insertBytesDesc, s.InsertBytes)
	for _, x := range s.Errors {
		counter(errorsDesc, x.Count, x.Name)
	}
	ch <- prometheus.MustNewConstMetric(queuedDesc, prometheus.GaugeValue, float64(s.Queued))
	ch <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(s.Running))
}

func (e *Engine) childStats() (s childStats, ok bool) {
	if e.Ready() != nil {
		return s, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	client := e.socketClient()
	defer client.CloseIdleConnections()
	return s, get(ctx, client, "/stats", &s)
}
