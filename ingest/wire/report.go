package wire

import (
	"errors"
	"fmt"
	"strconv"
)

// Reason says why one span or log record was refused.
type Reason uint8

// The reasons. Their names (String) are label values of metrics and part of answers.
const (
	// ReasonNone means that nothing is wrong.
	ReasonNone Reason = iota
	// ReasonMalformed: the protobuf encoding is broken or a field has the wrong wire type.
	ReasonMalformed
	// ReasonTraceID: the trace id is missing, zero or not 16 bytes.
	ReasonTraceID
	// ReasonSpanID: the span id is missing, zero or not 8 bytes.
	ReasonSpanID
	// ReasonParentSpanID: the parent span id is neither empty nor 8 bytes.
	ReasonParentSpanID
	// ReasonLink: a link's trace or span id has the wrong length.
	ReasonLink
	// ReasonNesting: a value is nested deeper than MaxNesting.
	ReasonNesting
	// ReasonPieces: the resource or scope came in more than MaxPieces pieces.
	ReasonPieces

	// NumReasons is the number of reasons, ReasonNone included.
	NumReasons = int(ReasonPieces) + 1
)

var reasonNames = [NumReasons]string{
	"none", "malformed", "trace_id", "span_id", "parent_span_id", "link", "nesting", "pieces",
}

var reasonTexts = [NumReasons]string{
	"",
	"malformed protobuf",
	"trace id must be 16 bytes and not all zero",
	"span id must be 8 bytes and not all zero",
	"parent span id must be empty or 8 bytes",
	"link needs a trace id of 16 bytes and a span id of 8 bytes",
	"value nested deeper than " + strconv.Itoa(MaxNesting) + " messages",
	"a resource or scope in more than " + strconv.Itoa(MaxPieces) + " pieces",
}

// String returns the reason's name: lower case, stable, of small number.
func (r Reason) String() string { return reasonNames[min(int(r), NumReasons-1)] }

// Text returns the reason as a phrase for a person.
func (r Reason) Text() string { return reasonTexts[min(int(r), NumReasons-1)] }

// Offender is a refused span or log record: where it lies in the request and why it was refused.
type Offender struct {
	// Path names the field that is wrong, such as
	// "resource_spans[0].scope_spans[1].spans[17].trace_id".
	Path   string
	Reason Reason
}

// String returns the path and the reason as one phrase.
func (o Offender) String() string { return o.Path + ": " + o.Reason.Text() }

// Report is what a request holds.
type Report struct {
	// Items is the number of spans or log records, refused ones included.
	Items int
	// Rejected is how many of them were refused.
	Rejected int
	// Reasons counts the refused ones by reason.
	Reasons [NumReasons]int
	// First is the first refused one; its Reason is ReasonNone when there is none.
	First Offender
}

// Accepted returns how many spans or log records are readable.
func (r *Report) Accepted() int { return r.Items - r.Rejected }

// ErrMalformed is the class of errors for a request that cannot be decoded as a whole.
var ErrMalformed = errors.New("malformed protobuf")

// ErrTooManyItems is the class of errors for a request over Limits.SpansPerRequest.
var ErrTooManyItems = errors.New("too many items in one request")

// fault is what is wrong with one message: the reason, the field and, for a repeated field, the
// index in it (or -1).
type fault struct {
	reason Reason
	field  string
	index  int
}

var noFault = fault{}

func faulty(r Reason, field string) fault { return fault{reason: r, field: field, index: -1} }

func (f fault) bad() bool { return f.reason != ReasonNone }

func (f fault) suffix() string {
	switch {
	case f.field == "":
		return ""
	case f.index < 0:
		return "." + f.field
	}
	return fmt.Sprintf(".%s[%d]", f.field, f.index)
}
