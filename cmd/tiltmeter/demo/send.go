package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	maxBatchSpans = 400 // a request stays well below the 4 MiB that gRPC servers take by default
	retryFor      = time.Minute
	retryEvery    = 500 * time.Millisecond // when the server does not say
	exportTimeout = 10 * time.Second
)

// batch collects played traces until a request is full.
type batch struct {
	traces ptrace.Traces
	logs   plog.Logs
	count  int
	opened bool
}

func (b *batch) add(list []played) {
	if !b.opened {
		b.traces, b.logs, b.opened = ptrace.NewTraces(), plog.NewLogs(), true
	}
	for _, p := range list {
		p.traces.ResourceSpans().MoveAndAppendTo(b.traces.ResourceSpans())
		p.logs.ResourceLogs().MoveAndAppendTo(b.logs.ResourceLogs())
		b.count++
	}
}

func (b *batch) full() bool { return b.opened && b.traces.SpanCount() >= maxBatchSpans }

// client sends by the OTLP service clients of the OpenTelemetry Collector.
type client struct {
	conn                   *grpc.ClientConn
	key                    string
	traces, spans, records int
}

func dial(o *Options) (*client, error) {
	creds := insecure.NewCredentials()
	if o.TLS != nil {
		creds = credentials.NewTLS(o.TLS)
	}
	conn, err := grpc.NewClient("passthrough:///"+o.Endpoint, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Endpoint, err)
	}
	return &client{conn: conn, key: o.Key}, nil
}

func (c *client) close() { _ = c.conn.Close() } // nothing is in flight

// export sends b and empties it. What the server rejects is an error when all the rest is sent.
func (c *client) export(ctx context.Context, b *batch) error {
	if !b.opened {
		return nil
	}
	if c.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
	}
	spans, records := b.traces.SpanCount(), b.logs.LogRecordCount()
	var rejected []error
	if spans > 0 {
		err := retry(ctx, func(ctx context.Context) error {
			res, err := ptraceotlp.NewGRPCClient(c.conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(b.traces))
			if err == nil && res.PartialSuccess().RejectedSpans() > 0 {
				rejected = append(rejected, fmt.Errorf("%d of %d spans rejected: %s", res.PartialSuccess().RejectedSpans(), spans, res.PartialSuccess().ErrorMessage()))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("export %d spans to %s: %w", spans, c.conn.Target(), err)
		}
	}
	if records > 0 {
		err := retry(ctx, func(ctx context.Context) error {
			res, err := plogotlp.NewGRPCClient(c.conn).Export(ctx, plogotlp.NewExportRequestFromLogs(b.logs))
			if err == nil && res.PartialSuccess().RejectedLogRecords() > 0 {
				rejected = append(rejected, fmt.Errorf("%d of %d log records rejected: %s", res.PartialSuccess().RejectedLogRecords(), records, res.PartialSuccess().ErrorMessage()))
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("export %d log records to %s: %w", records, c.conn.Target(), err)
		}
	}
	c.traces, c.spans, c.records = c.traces+b.count, c.spans+spans, c.records+records
	*b = batch{}
	return errors.Join(rejected...)
}

// retry repeats what OTLP calls retryable, after the delay that the server asks for.
func retry(ctx context.Context, do func(context.Context) error) error {
	deadline := time.Now().Add(retryFor)
	for {
		attempt, cancel := context.WithTimeout(ctx, exportTimeout)
		err := do(attempt)
		cancel()
		if err == nil {
			return nil
		}
		wait, again := retryable(err)
		if !again || time.Now().Add(wait).After(deadline) {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

func retryable(err error) (wait time.Duration, again bool) {
	st, ok := status.FromError(err)
	if !ok {
		return 0, false
	}
	wait = retryEvery
	asked := false
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			wait, asked = info.GetRetryDelay().AsDuration(), true
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return wait, true
	case codes.ResourceExhausted:
		return wait, asked
	default:
		return 0, false
	}
}
