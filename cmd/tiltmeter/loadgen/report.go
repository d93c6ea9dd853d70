package loadgen

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tally is what one worker counts; nobody else touches it while the worker runs.
type tally struct {
	acked, failed, unknown, unsent, retries, obeyed, resent, resendFailed, dropped int64

	spans, unknownSpans, rejected, bytes int64

	errors           map[string]int64
	latency, service *hdrhistogram.Histogram
}

func newTally() *tally {
	return &tally{errors: map[string]int64{}, latency: newHistogram(), service: newHistogram()}
}

// Percentiles of a latency, in milliseconds.
type Percentiles struct {
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p99_9_ms"`
	Max  float64 `json:"max_ms"`
	Mean float64 `json:"mean_ms"`
}

// Report is what a run found. Latency counts from the moment a request was due; Service from when
// it was first sent, retries included in both.
type Report struct {
	Seed            uint64           `json:"seed"`
	Transport       string           `json:"transport"`
	Compression     string           `json:"compression"`
	Connections     int              `json:"connections"`
	Concurrency     int              `json:"concurrency"`
	Batch           int              `json:"batch_spans"`
	Rate            float64          `json:"rate_spans_per_second"` // 0: closed loop
	Seconds         float64          `json:"seconds"`
	AckedSpans      int64            `json:"acknowledged_spans"`
	AckedRequests   int64            `json:"acknowledged_requests"`
	SpansPerSecond  float64          `json:"acknowledged_spans_per_second"`
	Bytes           int64            `json:"acknowledged_bytes"` // of protobuf, before compression
	BytesPerSpan    float64          `json:"bytes_per_span"`
	RejectedSpans   int64            `json:"rejected_spans"`
	FailedRequests  int64            `json:"failed_requests"`  // refused for good
	UnknownRequests int64            `json:"unknown_requests"` // sent, never answered
	UnknownSpans    int64            `json:"unknown_spans"`
	UnsentRequests  int64            `json:"unsent_requests"` // due, never sent
	Retries         int64            `json:"retries"`
	ObeyedDelays    int64            `json:"retries_after_the_servers_delay"`
	ResentRequests  int64            `json:"resent_requests"` // RetryAll
	ResendsFailed   int64            `json:"resends_failed"`
	DroppedAnswers  int64            `json:"dropped_answers"` // DropFirst
	AttemptsFailed  map[string]int64 `json:"attempts_failed_by_code"`
	Latency         Percentiles      `json:"latency_from_due"`
	Service         Percentiles      `json:"latency_from_send"`
	Verify          *Verification    `json:"verify,omitempty"`
}

func (r *run) report(tallies []*tally, took time.Duration) *Report {
	rep := &Report{
		Seed: r.o.Seed, Transport: "grpc", Compression: r.o.Compression, Connections: r.o.Connections,
		Concurrency: r.o.Concurrency, Batch: r.o.Batch, Rate: r.o.Rate, Seconds: took.Seconds(),
		AttemptsFailed: map[string]int64{},
	}
	if r.o.HTTP {
		rep.Transport = "http"
	}
	latency, service := newHistogram(), newHistogram()
	for _, t := range tallies {
		rep.AckedSpans += t.spans
		rep.AckedRequests += t.acked
		rep.Bytes += t.bytes
		rep.RejectedSpans += t.rejected
		rep.FailedRequests += t.failed
		rep.UnknownRequests += t.unknown
		rep.UnknownSpans += t.unknownSpans
		rep.UnsentRequests += t.unsent
		rep.Retries += t.retries
		rep.ObeyedDelays += t.obeyed
		rep.ResentRequests += t.resent
		rep.ResendsFailed += t.resendFailed
		rep.DroppedAnswers += t.dropped
		for code, n := range t.errors {
			rep.AttemptsFailed[code] += n
		}
		latency.Merge(t.latency)
		service.Merge(t.service)
	}
	rep.SpansPerSecond = float64(rep.AckedSpans) / took.Seconds()
	if rep.AckedSpans > 0 {
		rep.BytesPerSpan = float64(rep.Bytes) / float64(rep.AckedSpans+rep.RejectedSpans)
	}
	rep.Latency, rep.Service = percentiles(latency), percentiles(service)
	return rep
}

func percentiles(h *hdrhistogram.Histogram) Percentiles {
	if h.TotalCount() == 0 {
		return Percentiles{}
	}
	ms := func(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }
	return Percentiles{
		P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)), P99: ms(h.ValueAtQuantile(99)),
		P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max()), Mean: h.Mean() / float64(time.Millisecond),
	}
}

func (r *Report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("seed", "%d", r.Seed)
	line("transport", "%s, compression %s, %d connections, %d in flight, %d spans a request",
		r.Transport, r.Compression, r.Connections, r.Concurrency, r.Batch)
	line("acknowledged", "%d spans in %d requests, %.1f MB, in %.1f s", r.AckedSpans, r.AckedRequests, float64(r.Bytes)/1e6, r.Seconds)
	line("rate", "%.0f spans/s, %.0f bytes a span", r.SpansPerSecond, r.BytesPerSpan)
	for _, l := range []struct {
		name string
		p    Percentiles
	}{{"latency from due", r.Latency}, {"latency from send", r.Service}} {
		line(l.name, "p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f ms", l.p.P50, l.p.P90, l.p.P99, l.p.P999, l.p.Max)
	}
	line("not acknowledged", "%d refused, %d unknown, %d unsent requests; %d spans rejected",
		r.FailedRequests, r.UnknownRequests, r.UnsentRequests, r.RejectedSpans)
	line("retries", "%d, %d of them after the delay the server asked for; %d requests resent, %d hung up on",
		r.Retries, r.ObeyedDelays, r.ResentRequests, r.DroppedAnswers)
	for _, code := range slices.Sorted(maps.Keys(r.AttemptsFailed)) {
		line("failed attempts", "%d × %s", r.AttemptsFailed[code], code)
	}
	if v := r.Verify; v != nil {
		line("stored", "%d spans (acknowledged %d, unknown %d), settled after %.1f s", v.StoredSpans, v.AckedSpans, v.UnknownSpans, v.SettledSeconds)
		line("traces compared", "%d by span count, %d span by span", v.TracesCounted, v.TracesCompared)
		if v.RowsCompared {
			line("rows of spans", "%+d against what the trace list counts", v.ExtraRows)
		} else {
			line("rows of spans", "not compared: others wrote all the time")
		}
		line("missing, doubled", "%d, %d", v.Missing, v.Doubled)
		for _, p := range v.Problems {
			line("problem", "%s", p)
		}
	}
	return t.Flush()
}
