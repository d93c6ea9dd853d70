package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// situation is why a request was not taken.
type situation uint8

const (
	// busy: the log is full or slow, or too many bytes are in flight.
	busy situation = iota
	// throttled: the project is over its rate.
	throttled
	// failing: something broke on our side.
	failing
	// undecodable: the bytes are not a request of this kind.
	undecodable
	// wrongType: the content type is neither protobuf nor JSON.
	wrongType
	// unknownEncoding: the content encoding is none that we know.
	unknownEncoding
	// tooLarge: the request is over a limit.
	tooLarge
	// unauthenticated: no key, or a wrong one.
	unauthenticated
	// forbidden: the key may not do this.
	forbidden
)

var situationNames = [...]string{
	"busy", "throttled", "failing", "undecodable", "wrong_type", "unknown_encoding", "too_large",
	"unauthenticated", "forbidden",
}

// String returns the situation's name, a label value.
func (s situation) String() string { return situationNames[s] }

// answer is what a situation is answered with, by transport.
type answer struct {
	grpc codes.Code
	http int
	// retry adds RetryInfo and Retry-After: the sender shall come back with the same bytes.
	retry bool
}

// answers is the one table of what exporters are told. It rests on what they do with it: over
// gRPC they retry Canceled, DeadlineExceeded, Aborted, OutOfRange, Unavailable and DataLoss, and
// ResourceExhausted only with RetryInfo; over HTTP 429, 502, 503 and 504 only. Everything else
// they drop, so what is our fault must never be Internal or 500, and what will never work must
// never be Unavailable.
var answers = [...]answer{
	busy:            {codes.Unavailable, http.StatusServiceUnavailable, true},
	throttled:       {codes.ResourceExhausted, http.StatusTooManyRequests, true},
	failing:         {codes.Unavailable, http.StatusServiceUnavailable, true},
	undecodable:     {codes.InvalidArgument, http.StatusBadRequest, false},
	wrongType:       {codes.InvalidArgument, http.StatusUnsupportedMediaType, false},
	unknownEncoding: {codes.Unimplemented, http.StatusUnsupportedMediaType, false},
	tooLarge:        {codes.InvalidArgument, http.StatusRequestEntityTooLarge, false},
	unauthenticated: {codes.Unauthenticated, http.StatusUnauthorized, false},
	forbidden:       {codes.PermissionDenied, http.StatusForbidden, false},
}

// defaultRetryAfter is what a sender is asked to wait when nothing better is known: long enough
// that a crowd of exporters does not hammer, short enough that their queues hold.
const defaultRetryAfter = 2 * time.Second

// refusal is the error of a request that was not taken.
type refusal struct {
	situation situation
	// message is for the sender: what happened and what to do.
	message string
	// retryAfter is how long to wait; it matters only where the answer says retry.
	retryAfter time.Duration
	// cause is for our log alone.
	cause error
}

func (r *refusal) Error() string { return r.message }

func (r *refusal) Unwrap() error { return r.cause }

func refuse(s situation, format string, args ...any) *refusal {
	return &refusal{situation: s, message: fmt.Sprintf(format, args...)}
}

func (r *refusal) answer() answer { return answers[r.situation] }

// wait returns how long the sender should wait.
func (r *refusal) wait() time.Duration {
	if r.retryAfter > 0 {
		return r.retryAfter
	}
	return defaultRetryAfter
}

// status returns the refusal as a gRPC status, RetryInfo included where it belongs.
func (r *refusal) status() *status.Status {
	a := r.answer()
	st := status.New(a.grpc, r.message)
	if !a.retry {
		return st
	}
	detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(r.wait())})
	if err != nil {
		return st
	}
	return detailed
}

// ErrUnauthenticated and ErrForbidden are what an Authorizer returns, wrapped or not, for a
// request without a valid key and for a key that may not do this. Any other error is ours.
var (
	ErrUnauthenticated = errors.New("unauthenticated")
	ErrForbidden       = errors.New("forbidden")
)

func refuseAuth(err error) *refusal {
	switch {
	case errors.Is(err, ErrUnauthenticated):
		return &refusal{
			situation: unauthenticated, cause: err,
			message: "a key with the scope ingest is needed: send it as \"authorization: Bearer <key>\"",
		}
	case errors.Is(err, ErrForbidden):
		return &refusal{
			situation: forbidden, cause: err,
			message: "this key may not ingest: make one with the scope ingest",
		}
	}
	return &refusal{situation: failing, message: "the key could not be checked, try again", cause: err}
}

func refuseWire(err error) *refusal {
	if errors.Is(err, wire.ErrTooManyItems) {
		return &refusal{situation: tooLarge, message: err.Error(), cause: err}
	}
	return &refusal{situation: undecodable, message: err.Error(), cause: err}
}

func refuseSize(limit int) *refusal {
	return refuse(tooLarge, "the request is over the limit of %d bytes after decompression: "+
		"lower the exporter's batch size", limit)
}

// refuseAppend classifies an error of the log. What cannot be classified is our fault: a sender
// that comes back loses nothing.
func refuseAppend(err error) *refusal {
	r := &refusal{situation: failing, cause: err}
	r.retryAfter, _ = spanlog.RetryAfter(err)
	switch {
	case errors.Is(err, spanlog.ErrTooLarge):
		r.situation = tooLarge
		r.message = "the request is larger than a record of the log may be: lower the exporter's batch size"
	case errors.Is(err, spanlog.ErrInvalid):
		r.situation = undecodable
		r.message = "the log cannot hold this request: " + err.Error()
	case errors.Is(err, spanlog.ErrFull):
		r.situation = busy
		r.message = "the log is full, nothing was taken: send again"
	case errors.Is(err, spanlog.ErrDisk):
		r.situation = busy
		r.message = "the disk of the log is short of space or failing, nothing was taken: send again"
	case errors.Is(err, spanlog.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		r.situation = busy
		r.message = "the log did not confirm in time: send the same bytes again, they count once"
	default:
		r.message = "the log cannot be written at the moment: send again"
	}
	return r
}
