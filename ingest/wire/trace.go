package wire

import "fmt"

var traceNames = names{"resource_spans", "scope_spans", "spans"}

// Span is one span, read in place.
type Span struct {
	// Raw is the encoded Span message, as it was sent.
	Raw []byte

	TraceID      [16]byte
	SpanID       [8]byte
	ParentSpanID [8]byte // zero for a root
	TraceState   []byte
	Name         []byte
	// Kind and StatusCode are the enums of the OTLP, unknown numbers included.
	Kind, StatusCode int32
	StatusMessage    []byte
	// StartUnixNano and EndUnixNano are nanoseconds since 1970, as sent: they may be zero, and
	// the end may lie before the start.
	StartUnixNano, EndUnixNano uint64
	// Flags holds the W3C trace flags in its lowest 8 bits and whether the parent is remote in
	// bits 8 and 9.
	Flags uint32

	// AttributeCount, EventCount and LinkCount are how many there are;
	// the Dropped ones are how many more the sender had.
	AttributeCount, EventCount, LinkCount          int
	DroppedAttributes, DroppedEvents, DroppedLinks uint32
}

// Attributes iterates over the span's attributes.
func (s *Span) Attributes() KeyValues { return KeyValues{b: s.Raw, field: 9} }

// Events iterates over the span's events.
func (s *Span) Events() Events { return Events{b: s.Raw} }

// Links iterates over the span's links.
func (s *Span) Links() Links { return Links{b: s.Raw} }

// Traces reads the spans of an ExportTraceServiceRequest in order and skips bad ones exactly as
// ValidateTraces counts them:
//
//	r := wire.ReadTraces(b)
//	for r.Next() {
//		use(r.Resource(), r.Scope(), r.Span())
//	}
//	if err := r.Err(); err != nil { … }
type Traces struct {
	walker
	span Span
}

// ReadTraces returns a reader over the encoded request b, which must not change while it is used.
func ReadTraces(b []byte) Traces { return Traces{walker: newWalker(b, &traceNames)} }

// Next moves to the next good span and says whether there is one.
func (t *Traces) Next() bool {
	for {
		f, more := t.step()
		if !more {
			return false
		}
		if !f.bad() {
			return true
		}
	}
}

// step moves to the next span, good or bad.
func (t *Traces) step() (fault, bool) {
	raw, ok := t.next()
	if !ok {
		return noFault, false
	}
	if f := t.groupFault(); f.bad() {
		return f, true
	}
	return t.span.decode(raw), true
}

// Span returns the span Next moved to. It is overwritten by the next call of Next.
func (t *Traces) Span() *Span { return &t.span }

// ValidateTraces walks a whole ExportTraceServiceRequest and returns what is in it and what is
// refused. The error wraps ErrMalformed when the request cannot be decoded and ErrTooManyItems
// when it holds more spans than l allows.
func ValidateTraces(b []byte, l Limits) (Report, error) {
	l = l.WithDefaults()
	var rep Report
	t := ReadTraces(b)
	t.checking = true
	for {
		f, more := t.step()
		if !more {
			return rep, t.err
		}
		rep.Items++
		if rep.Items > l.SpansPerRequest {
			return rep, tooMany("spans", l.SpansPerRequest)
		}
		if f.bad() {
			t.note(&rep, f)
		}
	}
}

func tooMany(what string, limit int) error {
	return fmt.Errorf("read request: more than %d %s, split it: %w", limit, what, ErrTooManyItems)
}

// decode fills s from an encoded Span and checks every message in it.
func (s *Span) decode(raw []byte) fault {
	*s = Span{Raw: raw}
	for i := 0; i < len(raw); {
		num, wt, v, lo, end := field(raw, i)
		if end < 0 {
			return faulty(ReasonMalformed, "")
		}
		if num < int32(len(spanWire)) && spanWire[num] != wt {
			if spanWire[num] != anyWire {
				return faulty(ReasonMalformed, spanFields[num])
			}
		}
		var f fault
		switch num {
		case 9:
			f.reason, f.field, f.index = checkKeyValue(raw[lo:end], 0), "attributes", s.AttributeCount
			s.AttributeCount++
		case 11:
			f = checkEvent(raw[lo:end], s.EventCount)
			s.EventCount++
		case 13:
			f = checkLink(raw[lo:end], s.LinkCount)
			s.LinkCount++
		default:
			f = s.set(num, v, raw[lo:end])
		}
		if f.bad() {
			return f
		}
		i = end
	}
	if s.TraceID == [16]byte{} {
		return faulty(ReasonTraceID, "trace_id")
	}
	if s.SpanID == [8]byte{} {
		return faulty(ReasonSpanID, "span_id")
	}
	return noFault
}

// anyWire marks field numbers that Span does not have.
const anyWire = 0xff

// spanWire and spanFields hold the wire type and the name of each field of Span by its number.
var (
	spanWire = [17]uint8{
		anyWire, wireLen, wireLen, wireLen, wireLen, wireLen, wireVarint, wireI64, wireI64,
		wireLen, wireVarint, wireLen, wireVarint, wireLen, wireVarint, wireLen, wireI32,
	}
	spanFields = [17]string{
		"", "trace_id", "span_id", "trace_state", "parent_span_id", "name", "kind",
		"start_time_unix_nano", "end_time_unix_nano", "attributes", "dropped_attributes_count",
		"events", "dropped_events_count", "links", "dropped_links_count", "status", "flags",
	}
)

// set takes over one field that is not repeated: the number v or the bytes b.
func (s *Span) set(num int32, v uint64, b []byte) fault {
	switch num {
	case 1:
		if !setID(s.TraceID[:], b) {
			return faulty(ReasonTraceID, "trace_id")
		}
	case 2:
		if !setID(s.SpanID[:], b) {
			return faulty(ReasonSpanID, "span_id")
		}
	case 3:
		s.TraceState = b
	case 4:
		if !setID(s.ParentSpanID[:], b) {
			return faulty(ReasonParentSpanID, "parent_span_id")
		}
	case 5:
		s.Name = b
	case 6:
		s.Kind = int32(v)
	case 7:
		s.StartUnixNano = v
	case 8:
		s.EndUnixNano = v
	case 10:
		s.DroppedAttributes = uint32(v)
	case 12:
		s.DroppedEvents = uint32(v)
	case 14:
		s.DroppedLinks = uint32(v)
	case 15:
		return s.setStatus(b)
	case 16:
		s.Flags = uint32(v)
	}
	return noFault
}

// setStatus takes over an encoded Status. A status sent in pieces is merged.
func (s *Span) setStatus(b []byte) fault {
	for i := 0; i < len(b); {
		num, wt, v, lo, end := field(b, i)
		if end < 0 || (num == 2 && wt != wireLen) || (num == 3 && wt != wireVarint) {
			return faulty(ReasonMalformed, "status")
		}
		switch num {
		case 2:
			s.StatusMessage = b[lo:end]
		case 3:
			s.StatusCode = int32(v)
		}
		i = end
	}
	return noFault
}

// setID copies an id of the right length, or clears it when b is empty, and says whether the
// length was one of the two.
func setID(id, b []byte) bool {
	if len(b) == 0 {
		clear(id)
		return true
	}
	return copy(id, b) == len(b) && len(b) == len(id)
}
