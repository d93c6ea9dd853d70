package loadgen

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// How a request is sent again when the server does not say when, as the OpenTelemetry Collector's
// exporters do but from a shorter first wait, so that a short run sees its retries.
const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// sendError is a failed attempt. code is "grpc <name>", "http <status>" or "transport".
type sendError struct {
	code      string
	message   string
	retry     bool
	delay     time.Duration // the server's wish, 0 when it has none
	ambiguous bool          // the request may have been taken all the same
}

func (e *sendError) Error() string {
	return fmt.Sprintf("send request: %s: %s", e.code, e.message)
}

// classifyGRPC follows the OTLP specification (opentelemetry-proto, docs/specification.md, OTLP/gRPC
// Throttling): the codes below are retried, RESOURCE_EXHAUSTED only with RetryInfo, others never.
func classifyGRPC(err error) error {
	st := status.Convert(err)
	e := &sendError{code: "grpc " + st.Code().String(), message: st.Message()}
	info := false
	for _, d := range st.Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			info = true
			e.delay = r.GetRetryDelay().AsDuration()
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		e.retry, e.ambiguous = true, true
	case codes.ResourceExhausted:
		e.retry = info
	default:
	}
	return e
}

// classifyHTTP follows OTLP/HTTP: 429, 502, 503 and 504 are retried and Retry-After is obeyed.
func classifyHTTP(res *http.Response, message string) error {
	e := &sendError{code: "http " + strconv.Itoa(res.StatusCode), message: message}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.retry = true
		e.ambiguous = res.StatusCode != http.StatusTooManyRequests
	}
	e.delay = retryAfter(res.Header.Get("Retry-After"), time.Now())
	return e
}

func classifyTransport(err error) error {
	e := &sendError{code: "transport", message: err.Error(), retry: true, ambiguous: true}
	if errors.Is(err, context.DeadlineExceeded) {
		e.code = "timeout"
	}
	return e
}

// retryAfter reads seconds or an HTTP date (RFC 9110 §10.2.3); 0 when it is neither.
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(v); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// backoff is the wait before attempt n (from 1) after err: what the server asked for, else exponential
// with ±50 % so that clients do not come back together.
func backoff(err *sendError, attempt int) time.Duration {
	if err.delay > 0 {
		return err.delay
	}
	d := min(maxBackoff, firstBackoff<<min(attempt-1, 10))
	return d/2 + time.Duration(rand.Int64N(int64(d))) //nolint:gosec // a pause, no secret
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
