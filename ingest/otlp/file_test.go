package otlp_test

import (
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`: otlp.Traces, "\n" + `{"resource_logs":[]}`: otlp.Logs, `{"resourceSpans":[]}`: otlp.Traces, "": otlp.Traces,
		`[]`: "neither a JSON object nor a protobuf request", "\xff": "neither a JSON object", `{"resourceSpans":`: "read JSON at byte 17",
		`{"resourceMetrics":[]}`: "metrics are not read",
	} {
		r, err := otlp.ReadRequest([]byte(text))
		switch {
		case err != nil && !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %s", text, err, want)
		case err == nil && r.Signal != want:
			t.Errorf("%q: got %q, want %s", text, r.Signal, want)
		}
	}
}

// FuzzReadRequest: whatever a file holds, what was read of it can be walked to its end.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}]}]}]}`))
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}`))
	f.Add([]byte{10, 2, 18, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := otlp.ReadRequest(b)
		if err != nil {
			return
		}
		if r.Signal == otlp.Traces {
			walk := wire.ReadTraces(r.Proto)
			for walk.Next() {
			}
			err = walk.Err()
		} else {
			walk := wire.ReadLogs(r.Proto)
			for walk.Next() {
			}
			err = walk.Err()
		}
		if err != nil {
			t.Errorf("%s: %v", r.Signal, err)
		}
	})
}
