package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tiltmeter/tiltmeter/api"
	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
)

// ingestView answers the API's questions about ingest. What this process counted is read from
// its metrics, so that the page and /metrics cannot disagree; the log and the store are asked
// themselves, since another process may write to them.
type ingestView struct {
	app    *app
	gather prometheus.Gatherer
}

func newIngestView(a *app) *ingestView { return &ingestView{app: a, gather: a.reg} }

// Status implements api.Ingest.
func (v *ingestView) Status(ctx context.Context, project string) (api.IngestStatus, error) {
	families, err := v.gather.Gather()
	if err != nil {
		return api.IngestStatus{}, fmt.Errorf("gather metrics: %w", err)
	}
	c := counted{families: families, project: project}
	st := api.IngestStatus{
		ReceivedRequests:     c.sum("tiltmeter_ingest_requests_total"),
		ReceivedSpans:        c.sum("tiltmeter_ingest_received_spans_total", "signal", "traces"),
		ReceivedLogRecords:   c.sum("tiltmeter_ingest_received_spans_total", "signal", "logs"),
		ReceivedMetricPoints: c.sum("tiltmeter_ingest_metric_points_total"),
		AcknowledgedRequests: c.sum("tiltmeter_ingest_requests_total", "code", "OK") + c.sum("tiltmeter_ingest_requests_total", "code", "200"),
		DuplicateRequests:    c.sum("tiltmeter_ingest_duplicate_requests_total"),
		RejectedSpans:        c.by("tiltmeter_ingest_rejected_spans_total", "reason"),
		StartedAt:            v.app.started,
		Receivers:            v.app.receivers(),
		KeyRequired:          v.app.required,
	}
	if err = v.app.storeReady(ctx); err == nil {
		st.StoredSpans, st.StoredLogRecords, err = v.app.store.Stored(ctx, project)
	}
	if st.EngineReady = err == nil; err != nil {
		st.EngineMessage = err.Error()
	}
	log, err := v.app.spans.Status(ctx)
	if err != nil {
		return st, fmt.Errorf("ask the log: %w", err)
	}
	st.LogMessages, st.LogBytes, st.LogMaxBytes = int64(log.Messages), int64(log.Bytes), log.MaxBytes //nolint:gosec // sizes on disk
	st.DeadLetters = int64(log.DeadLetters)                                                           //nolint:gosec // a count
	for _, r := range log.Readers {
		if r.Name == writer.ReaderName {
			st.LogPending, st.LogLag = int64(r.Pending), r.Lag //nolint:gosec // a count
		}
	}
	return st, nil
}

// receivers are the ports that take OTLP, HTTP first: it is what most exporters are set up for.
func (a *app) receivers() (list []api.Receiver) {
	if a.otlp == nil {
		return nil
	}
	for _, r := range []struct {
		protocol string
		addr     net.Addr
	}{{"http/protobuf", a.otlp.HTTPAddr()}, {"grpc", a.otlp.GRPCAddr()}} {
		if r.addr != nil {
			list = append(list, api.Receiver{Protocol: r.protocol, Address: r.addr.String(), TLS: a.s.tlsCert != ""})
		}
	}
	return list
}

// DeadLetters implements api.Ingest.
func (v *ingestView) DeadLetters(ctx context.Context, after string, limit int) ([]api.DeadLetter, bool, error) {
	var from uint64
	if after != "" {
		var err error
		if from, err = strconv.ParseUint(after, 10, 64); err != nil {
			return nil, false, fmt.Errorf("dead letter id %q is not a number", after)
		}
	}
	limit = min(limit, spanlog.MaxDeadLetterPage)
	found, err := v.app.spans.DeadLetters().List(ctx, from, limit)
	if err != nil {
		return nil, false, fmt.Errorf("list dead letters: %w", err)
	}
	letters := make([]api.DeadLetter, len(found))
	for i, d := range found {
		letters[i] = api.DeadLetter{
			ID: strconv.FormatUint(d.ID, 10), Project: d.Project, Signal: string(d.Signal), Reason: d.Reason, Error: d.Error,
			ReceivedAt: d.ReceivedAt, FailedAt: d.PutAt, SizeBytes: int64(d.PayloadBytes),
		}
	}
	return letters, len(found) == limit, nil
}

// Replay implements api.Ingest.
func (v *ingestView) Replay(ctx context.Context, ids []string) (int64, error) {
	if len(ids) == 0 {
		return v.replayAll(ctx)
	}
	var numbers []uint64
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("dead letter id %q is not a number", id)
		}
		numbers = append(numbers, n)
	}
	n, err := v.app.spans.DeadLetters().Replay(ctx, numbers)
	return int64(n), err
}

// replayAll replays what was there when it began: a record that fails again comes back behind it.
func (v *ingestView) replayAll(ctx context.Context) (int64, error) {
	var ids []uint64
	for after := uint64(0); ; {
		page, err := v.app.spans.DeadLetters().List(ctx, after, spanlog.MaxDeadLetterPage)
		if err != nil {
			return 0, fmt.Errorf("list dead letters: %w", err)
		}
		for _, d := range page {
			ids = append(ids, d.ID)
			after = d.ID
		}
		if len(page) < spanlog.MaxDeadLetterPage {
			break
		}
	}
	n, err := v.app.spans.DeadLetters().Replay(ctx, ids)
	return int64(n), err
}

// counted reads sums out of gathered metrics. Series that carry a project count only for that project.
type counted struct {
	families []*dto.MetricFamily
	project  string
}

func (c counted) each(name string, f func(labels map[string]string, v float64)) {
	for _, fam := range c.families {
		if fam.GetName() != name {
			continue
		}
		for _, m := range fam.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if p, ok := labels["project"]; ok && c.project != "" && c.project != "*" && p != c.project {
				continue
			}
			f(labels, m.GetCounter().GetValue())
		}
	}
}

// sum adds the series of a counter up, only those with label=value if a pair is given.
func (c counted) sum(name string, pair ...string) (n int64) {
	c.each(name, func(labels map[string]string, v float64) {
		if len(pair) == 0 || labels[pair[0]] == pair[1] {
			n += int64(v)
		}
	})
	return n
}

func (c counted) by(name, label string) map[string]int64 {
	out := map[string]int64{}
	c.each(name, func(labels map[string]string, v float64) { out[labels[label]] += int64(v) })
	return out
}
