package otlp

// Requests that somebody kept in a file: as an exporter posted them, or as the Collector's file exporter
// writes them.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Signals that a Request can hold.
const (
	Traces  = "traces"
	Logs    = "logs"
	Metrics = "metrics" // read by nobody; Proto is empty
)

// Request is one export request as the receivers read it.
type Request struct {
	Place    string // where in the file it lies, "line 3" or "message 3"; "" when it is the whole file
	Signal   string // Traces, Logs or Metrics
	Proto    []byte // ExportTraceServiceRequest or ExportLogsServiceRequest
	Items    int    // spans or log records, refused ones included
	Rejected int    // those that the receivers would refuse
	Reason   string // why the first of them, "" when there are none
}

// MaxFile bounds, in bytes, what a file may hold, unpacked. It is far below what one message of protobuf can be.
const MaxFile = 1 << 30

// ReadRequests reads a file: one request, OTLP/JSON or protobuf; one of JSON on each line; or messages of either
// behind their length in four bytes, as the Collector's file exporter writes all but plain JSON. The file, and each
// message, may be packed by gzip or zstd. Traces, logs and metrics are told apart by what is in them.
// Nothing is cut and no limit holds but MaxFile.
//
// An error says what cannot be read, and where; what follows it is read all the same, where it can be found.
func ReadRequests(file []byte) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		b, err := unpack(file)
		if err != nil {
			yield(Request{}, err)
			return
		}
		switch {
		case len(b) > 0 && b[0] == 0: // no message of protobuf begins so
			readFramed(b, yield)
		case isLines(b):
			n := 0
			for line := range bytes.Lines(b) {
				n++
				if line = bytes.TrimSpace(line); len(line) > 0 && !yield(placed(fmt.Sprintf("line %d", n), line)) {
					return
				}
			}
		default:
			yield(readRequest(b))
		}
	}
}

func placed(place string, b []byte) (Request, error) {
	r, err := readRequest(b)
	if r.Place = place; err != nil {
		err = fmt.Errorf("%s: %w", place, err)
	}
	return r, err
}

// isLines tells JSON lines from one object over several lines: the first line is a whole object and not the last, or
// it is broken, the second one is whole, and all of them are no object.
func isLines(b []byte) bool {
	b = bytes.TrimLeft(b, "\ufeff \t\r\n")
	first, rest, _ := bytes.Cut(b, []byte{'\n'})
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(first) == 0 || first[0] != '{' || len(rest) == 0 {
		return false
	}
	second, _, _ := bytes.Cut(rest, []byte{'\n'})
	return isObject(first) || isObject(second) && !isObject(b)
}

// isObject says whether b begins with a whole JSON object.
func isObject(b []byte) bool {
	s := scanner{b: b}
	if s.peek() != '{' {
		return false
	}
	s.skip()
	return s.err == nil
}

// readFramed reads messages behind their length.
func readFramed(b []byte, yield func(Request, error) bool) {
	for n := 1; len(b) > 0; n++ {
		place := fmt.Sprintf("message %d", n)
		if len(b) < 4 {
			yield(Request{Place: place}, fmt.Errorf("%s: cut off: %d bytes are no length", place, len(b)))
			return
		}
		size := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(size) > uint64(len(b)) {
			yield(Request{Place: place}, fmt.Errorf("%s: cut off: %d of its %d bytes are here", place, len(b), size))
			return
		}
		message, err := unpack(b[:size])
		b = b[size:]
		if err != nil {
			err = fmt.Errorf("%s: %w", place, err)
			if !yield(Request{Place: place}, err) {
				return
			}
			continue
		}
		if !yield(placed(place, message)) {
			return
		}
	}
}

// unpack gives what a packed file holds, and any other as it is.
func unpack(b []byte) ([]byte, error) {
	encoding := ""
	switch {
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		encoding = "gzip"
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		encoding = "zstd"
	default:
		return b, nil
	}
	d := newDecoder(encoding, bytes.NewReader(b))
	defer d.Close()
	out, err := io.ReadAll(io.LimitReader(d, MaxFile+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("cut off: the %s data end after %d bytes of content", encoding, len(out))
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", encoding, err)
	case len(out) > MaxFile:
		return nil, fmt.Errorf("more than %d bytes when unpacked from %s: divide it", MaxFile, encoding)
	}
	return out, nil
}

// readRequest reads one request that is not packed.
func readRequest(b []byte) (Request, error) {
	if start := bytes.TrimLeft(b, "\ufeff \t\r\n"); len(start) > 0 && start[0] == '{' {
		return readJSON(b[len(b)-len(start):])
	}
	best, err := check(b, traces)
	for _, s := range [...]signal{logs, metrics} {
		if r, errAs := check(b, s); errAs == nil && (err != nil || best.Items == best.Rejected && r.Items > r.Rejected) {
			best, err = r, nil
		}
	}
	switch {
	case err != nil:
		return Request{}, fmt.Errorf("neither a JSON object nor a protobuf request for traces or logs: %w", whyMalformed(b, err))
	case best.Rejected > 0 && best.Rejected == best.Items:
		return Request{}, fmt.Errorf("neither a JSON object nor a protobuf request for traces or logs: %s", best.Reason)
	}
	return best, nil
}

func readJSON(b []byte) (Request, error) {
	s := signalIn(b)
	if s == metrics {
		c := scanner{b: b}
		c.skip()
		c.end()
		return Request{Signal: Metrics}, c.err
	}
	out, wrong, err := jsonToProto(b, nil, s, MaxFile, func(int64) bool { return true })
	if err != nil {
		return Request{}, err
	}
	r, err := check(out, s)
	if r.Rejected > 0 && wrong != "" {
		r.Reason += "; " + wrong
	}
	return r, err
}

// signalIn finds the first member that names a signal; a request without one is an empty one for traces.
func signalIn(b []byte) (found signal) {
	c := scanner{b: b}
	done := false
	c.object(func(key []byte) {
		if s, ok := signalByField[canonical(key)]; ok && !done {
			found, done = s, true
		}
		c.skip()
	})
	return found
}

// check walks a request.
func check(b []byte, s signal) (Request, error) {
	r := Request{Signal: s.String(), Proto: b}
	unlimited := wire.Limits{RequestBytes: MaxFile, SpansPerRequest: MaxFile}
	var report wire.Report
	var err error
	switch s {
	case traces:
		report, err = wire.ValidateTraces(b, unlimited)
	case logs:
		report, err = wire.ValidateLogs(b, unlimited)
	case metrics:
		var n wire.MetricCount
		if n, err = wire.CountMetrics(b, nil); !namesMetric(b) {
			n = wire.MetricCount{}
		}
		return Request{Signal: Metrics, Items: n.DataPoints}, err
	}
	r.Items = report.Items
	if r.Rejected = report.Rejected; r.Rejected > 0 {
		r.Reason = report.First.String()
	}
	return r, err
}

// namesMetric tells metrics from spans: their first field is a name, that of a span an id.
func namesMetric(b []byte) bool {
	for _, num := range [...]protowire.Number{1, 2, 2, 1} {
		b = firstField(b, num)
	}
	return len(b) > 0 && utf8.Valid(b) && bytes.IndexFunc(b, unicode.IsControl) < 0
}

// firstField is the first field of that number that holds bytes.
func firstField(b []byte, num protowire.Number) []byte {
	for len(b) > 0 {
		found, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		if b = b[n:]; found == num && typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b)
			return v
		}
		if n = protowire.ConsumeFieldValue(found, typ, b); n < 0 {
			return nil
		}
		b = b[n:]
	}
	return nil
}

// whyMalformed says of a broken message what a person can see in the file: how it begins, or that it is cut off.
func whyMalformed(b []byte, err error) error {
	const shown = 16
	for at := 0; at < len(b); {
		rest := b[at:]
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 || num != 1 || typ != protowire.BytesType {
			return fmt.Errorf("byte %d is %q", at, rest[:min(len(rest), shown)])
		}
		size, m := protowire.ConsumeVarint(rest[n:])
		if m < 0 {
			return fmt.Errorf("cut off: it ends in a length at byte %d", at+n)
		}
		if left := uint64(len(rest) - n - m); size > left {
			return fmt.Errorf("cut off: of the %d bytes that begin at byte %d, %d are here", size, at+n+m, left)
		}
		at += n + m + int(size)
	}
	return err
}
