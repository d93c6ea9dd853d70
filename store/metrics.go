package store

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	rows          *prometheus.CounterVec
	bytes         prometheus.Counter
	insertErrors  prometheus.Counter
	insertSeconds prometheus.Histogram
	cutAttributes prometheus.Counter
	movedTimes    prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tiltmeter_store_inserted_rows_total", Help: "Rows that were inserted, by table.",
		}, []string{"table"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_store_inserted_bytes_total", Help: "Bytes of the blocks that were inserted.",
		}),
		insertErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_store_insert_errors_total", Help: "Inserts that failed and are to be repeated.",
		}),
		insertSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tiltmeter_store_insert_seconds", Help: "Time to insert one batch.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12),
		}),
		cutAttributes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_store_unfilterable_attributes_total",
			Help: "Attributes that are stored and shown but cannot be filtered by: too long or too many on a span.",
		}),
		movedTimes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_store_moved_times_total",
			Help: "Spans and log records that are stored under the time of their arrival: their own is zero, older than what is kept, or in the future.",
		}),
	}
	if r != nil {
		r.MustRegister(m.rows, m.bytes, m.insertErrors, m.insertSeconds, m.cutAttributes, m.movedTimes)
	}
	return m
}
