package wire

var metricNames = names{"resource_metrics", "scope_metrics", "metrics"}

// MetricCount is what an ExportMetricsServiceRequest holds.
type MetricCount struct {
	Metrics, DataPoints int
}

// CountMetrics counts the metrics and data points of an ExportMetricsServiceRequest without
// looking into the points. each, if not nil, is called once a metric with its scope's name and
// the number of its points; the name is a part of b. The error wraps ErrMalformed.
func CountMetrics(b []byte, each func(scope []byte, points int)) (MetricCount, error) {
	var c MetricCount
	w := newWalker(b, &metricNames)
	w.checking = true
	for {
		raw, ok := w.next()
		if !ok {
			return c, w.err
		}
		n := countPoints(raw)
		c.Metrics++
		c.DataPoints += n
		if each != nil {
			each(w.scope.Name, n)
		}
	}
}

// countPoints counts the data points of an encoded Metric: field 1 of its gauge (5), sum (7),
// histogram (9), exponential histogram (10) or summary (11).
func countPoints(b []byte) int {
	points := 0
	for i := 0; i < len(b); {
		num, wt, _, lo, end := field(b, i)
		if end < 0 {
			break
		}
		switch num {
		case 5, 7, 9, 10, 11:
			if wt != wireLen {
				return points
			}
			data, pos := b[lo:end], 0
			for {
				if _, ok := nextOf(data, &pos, 1); !ok {
					break
				}
				points++
			}
		}
		i = end
	}
	return points
}
