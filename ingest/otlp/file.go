package otlp

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

// Signals that a Request can hold.
const (
	Traces = "traces"
	Logs   = "logs"
)

// Request is one export request as the receivers read it.
type Request struct {
	Signal   string // Traces or Logs
	Proto    []byte // ExportTraceServiceRequest or ExportLogsServiceRequest
	Rejected int    // spans or log records that the receivers would refuse
	Reason   string // why the first of them, "" when there are none

	accepted int
}

// ReadRequest reads a request that somebody kept in a file: OTLP/JSON or protobuf, traces or logs, told
// apart by what is in it. Nothing is cut and no limit holds but that of memory. The error says at which byte
// JSON breaks off, and of protobuf what cannot be decoded.
func ReadRequest(b []byte) (Request, error) {
	if start := bytes.TrimLeft(b, " \t\r\n"); len(start) > 0 && start[0] == '{' {
		s := signalIn(b)
		out, wrong, err := jsonToProto(b, nil, s, maxFile, func(int64) bool { return true })
		if err != nil {
			return Request{}, err
		}
		r, err := check(out, s)
		if r.Rejected > 0 && wrong != "" {
			r.Reason += "; " + wrong
		}
		return r, err
	}
	r, err := check(b, traces)
	if asLogs, errLogs := check(b, logs); errLogs == nil && (err != nil || asLogs.Rejected < r.Rejected) {
		r, err = asLogs, nil
	}
	if err == nil && r.Rejected > 0 && r.accepted == 0 {
		err = errors.New(r.Reason)
	}
	if err != nil {
		return Request{}, fmt.Errorf("neither a JSON object nor a protobuf request for traces or logs: %w", err)
	}
	return r, nil
}

// maxFile is what protobuf can hold in one message.
const maxFile = 1<<31 - 1

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

func check(b []byte, s signal) (Request, error) {
	r := Request{Signal: s.String(), Proto: b}
	unlimited := wire.Limits{RequestBytes: maxFile, SpansPerRequest: maxFile}
	var report wire.Report
	var err error
	switch s {
	case traces:
		report, err = wire.ValidateTraces(b, unlimited)
	case logs:
		report, err = wire.ValidateLogs(b, unlimited)
	default:
		return r, errors.New("metrics are not read: give a request for traces or logs")
	}
	r.accepted = report.Accepted()
	if r.Rejected = report.Rejected; r.Rejected > 0 {
		r.Reason = report.First.String()
	}
	return r, err
}
