package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/store"
)

// class is what kind of failure an error is. Everything that leaves the API is one of these.
type class uint8

const (
	classInternal class = iota // ours; the cause stays in the log
	classInvalid               // the request must be changed; its field is named
	classNotFound
	classUnauthenticated
	classForbidden
	classUnavailable // the engine restarts; come back
	classTooSlow     // the time of a request is over
	classCancelled   // the client went away
	classExhausted   // a limit on simultaneous use
)

// classes is the one table from class to gRPC code, and whether the answer says when to come back.
// The HTTP status follows from the code, by the gateway's own table.
var classes = map[class]struct {
	code  codes.Code
	retry time.Duration
}{
	classInternal:        {codes.Internal, 0},
	classInvalid:         {codes.InvalidArgument, 0},
	classNotFound:        {codes.NotFound, 0},
	classUnauthenticated: {codes.Unauthenticated, 0},
	classForbidden:       {codes.PermissionDenied, 0},
	classUnavailable:     {codes.Unavailable, 2 * time.Second},
	classTooSlow:         {codes.DeadlineExceeded, 0},
	classCancelled:       {codes.Canceled, 0},
	classExhausted:       {codes.ResourceExhausted, 10 * time.Second},
}

// failure is an error whose text is meant for the client.
type failure struct {
	class  class
	fields []violation // what is wrong in the request, of classInvalid
	text   string
	cause  error
}

// violation is one wrong field by its path in the request.
type violation struct{ field, text string }

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// invalid says which field of the request is wrong, and how.
func invalid(field, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	return &failure{class: classInvalid, fields: []violation{{field, text}}, text: text}
}

// invalidFilter names every expression of a filter that the store cannot use.
func invalidFilter(err error) error {
	f := &failure{class: classInvalid, text: err.Error(), cause: err}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, one := range all {
		if fe, ok := errors.AsType[*store.FilterError](one); ok {
			f.fields = append(f.fields, violation{fmt.Sprintf("filter[%d]", fe.Index), fe.Why})
		}
	}
	return f
}

// notFound names what is missing.
func notFound(what, id, project string) error {
	return &failure{class: classNotFound, text: fmt.Sprintf("%s %s is not in project %q", what, id, project)}
}

// missing turns the store's ErrNotFound into one that names what was asked for.
func missing(err error, what, id, project string) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(what, id, project)
	}
	return err
}

// classify finds the class of an error and the text that the client sees.
func classify(err error) (class, string) {
	var f *failure
	var netErr net.Error
	switch {
	case errors.As(err, &f):
		return f.class, f.text
	case errors.Is(err, auth.ErrUnauthenticated):
		return classUnauthenticated, err.Error()
	case errors.Is(err, auth.ErrForbidden):
		return classForbidden, err.Error()
	case errors.Is(err, store.ErrNotFound):
		return classNotFound, "not found"
	case errors.Is(err, context.Canceled):
		return classCancelled, "the request was cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return classTooSlow, "the answer took too long: narrow the time range or the filters"
	case errors.As(err, &netErr), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return classUnavailable, "the storage engine does not answer at the moment: try again"
	}
	return classInternal, "something failed on the server"
}

// toStatus makes the answer for an error: google.rpc.Status with the request's id, the field that is
// wrong, or the time after which to try again. Failures of our own are logged here, and only here.
func toStatus(ctx context.Context, log *slog.Logger, err error) error {
	if _, ok := status.FromError(err); ok { // nil, or an answer already
		return err
	}
	if errors.Is(err, store.ErrTooBroad) {
		err = invalid("query", "%v", store.ErrTooBroad)
	}
	id := requestID(ctx)
	c, text := classify(err)
	row := classes[c]
	switch c {
	case classInternal:
		log.ErrorContext(ctx, "request failed", "request_id", id, "error", err)
		text += ": its log has the cause under the request id " + id
	case classUnavailable:
		log.WarnContext(ctx, "engine does not answer", "request_id", id, "error", err)
	}
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(&errdetails.RequestInfo{RequestId: id})}
	var f *failure
	if errors.As(err, &f) && len(f.fields) > 0 {
		bad := new(errdetails.BadRequest)
		for _, v := range f.fields {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.field, Description: validText(v.text)})
		}
		details = append(details, protoadapt.MessageV1Of(bad))
	}
	if row.retry > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(row.retry)}))
	}
	st := status.New(row.code, validText(text))
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return st.Err()
}
