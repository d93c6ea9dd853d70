package wire

var logNames = names{"resource_logs", "scope_logs", "log_records"}

// LogRecord is one log record or event, read in place.
type LogRecord struct {
	// Raw is the encoded LogRecord message, as it was sent.
	Raw []byte
	// TimeUnixNano is when it happened and ObservedUnixNano when it was seen, in nanoseconds
	// since 1970, as sent; either may be zero.
	TimeUnixNano, ObservedUnixNano uint64
	// SeverityNumber is the enum of the OTLP, unknown numbers included.
	SeverityNumber int32
	SeverityText   []byte
	EventName      []byte
	Body           Value
	// TraceID and SpanID are zero when the record belongs to no span.
	TraceID           [16]byte
	SpanID            [8]byte
	Flags             uint32
	AttributeCount    int
	DroppedAttributes uint32
}

// Attributes iterates over the record's attributes.
func (l *LogRecord) Attributes() KeyValues { return KeyValues{b: l.Raw, field: 6} }

// Logs reads the records of an ExportLogsServiceRequest in order and skips bad ones exactly as
// ValidateLogs counts them. It is used like Traces.
type Logs struct {
	walker
	record LogRecord
}

// ReadLogs returns a reader over the encoded request b, which must not change while it is used.
func ReadLogs(b []byte) Logs { return Logs{walker: newWalker(b, &logNames)} }

// Next moves to the next good record and says whether there is one.
func (l *Logs) Next() bool {
	for {
		f, more := l.step()
		if !more {
			return false
		}
		if !f.bad() {
			return true
		}
	}
}

func (l *Logs) step() (fault, bool) {
	raw, ok := l.next()
	if !ok {
		return noFault, false
	}
	if f := l.groupFault(); f.bad() {
		return f, true
	}
	return l.record.decode(raw), true
}

// Record returns the record Next moved to. It is overwritten by the next call of Next.
func (l *Logs) Record() *LogRecord { return &l.record }

// ValidateLogs does for an ExportLogsServiceRequest what ValidateTraces does for traces.
func ValidateLogs(b []byte, lim Limits) (Report, error) {
	lim = lim.WithDefaults()
	var rep Report
	l := ReadLogs(b)
	l.checking = true
	for {
		f, more := l.step()
		if !more {
			return rep, l.err
		}
		rep.Items++
		if rep.Items > lim.SpansPerRequest {
			return rep, tooMany("log records", lim.SpansPerRequest)
		}
		if f.bad() {
			l.note(&rep, f)
		}
	}
}

// logWire and logFields hold the wire type and the name of each field of LogRecord by number.
var (
	logWire = [13]uint8{
		anyWire, wireI64, wireVarint, wireLen, anyWire, wireLen, wireLen, wireVarint, wireI32,
		wireLen, wireLen, wireI64, wireLen,
	}
	logFields = [13]string{
		"", "time_unix_nano", "severity_number", "severity_text", "", "body", "attributes",
		"dropped_attributes_count", "flags", "trace_id", "span_id", "observed_time_unix_nano",
		"event_name",
	}
)

// decode fills l from an encoded LogRecord and checks every message in it.
func (l *LogRecord) decode(raw []byte) fault {
	*l = LogRecord{Raw: raw}
	for i := 0; i < len(raw); {
		num, wt, v, lo, end := field(raw, i)
		if end < 0 {
			return faulty(ReasonMalformed, "")
		}
		if num < int32(len(logWire)) && logWire[num] != wt && logWire[num] != anyWire {
			return faulty(ReasonMalformed, logFields[num])
		}
		if f := l.set(num, v, raw[lo:end]); f.bad() {
			return f
		}
		i = end
	}
	return noFault
}

// set takes over one field: the number v or the bytes b.
func (l *LogRecord) set(num int32, v uint64, b []byte) fault {
	switch num {
	case 1:
		l.TimeUnixNano = v
	case 2:
		l.SeverityNumber = int32(v)
	case 3:
		l.SeverityText = b
	case 5:
		if r := checkValue(b, 0); r != ReasonNone {
			return faulty(r, "body")
		}
		l.Body.read(b)
	case 6:
		if r := checkKeyValue(b, 0); r != ReasonNone {
			return fault{r, "attributes", l.AttributeCount}
		}
		l.AttributeCount++
	case 7:
		l.DroppedAttributes = uint32(v)
	case 8:
		l.Flags = uint32(v)
	case 9:
		if !setID(l.TraceID[:], b) {
			return faulty(ReasonTraceID, "trace_id")
		}
	case 10:
		if !setID(l.SpanID[:], b) {
			return faulty(ReasonSpanID, "span_id")
		}
	case 11:
		l.ObservedUnixNano = v
	case 12:
		l.EventName = b
	}
	return noFault
}
