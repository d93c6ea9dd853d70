package otlp_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/ingest/otlp"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
)

const (
	fileTraces  = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat"}]}]}]}`
	fileLogs    = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"stringValue":"x"}}]}]}]}`
	fileMetrics = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"gen_ai.client.token.usage","sum":{"dataPoints":[{"asInt":"1"}]}}]}]}]}`
)

// toProto is the protobuf of a request that is given as JSON.
func toProto(t testing.TB, text string) []byte {
	t.Helper()
	var b []byte
	var err error
	switch {
	case strings.Contains(text, "resourceSpans"):
		td, errRead := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces([]byte(text))
		if err = errRead; err == nil {
			b, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		}
	case strings.Contains(text, "resourceLogs"):
		ld, errRead := (&plog.JSONUnmarshaler{}).UnmarshalLogs([]byte(text))
		if err = errRead; err == nil {
			b, err = (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		}
	default:
		md, errRead := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics([]byte(text))
		if err = errRead; err == nil {
			b, err = (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func framed(messages ...[]byte) []byte {
	var out []byte
	for _, m := range messages {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(m))), m...)
	}
	return out
}

// TestReadRequests: what each kind of file holds, as place, signal and number of items, or the error.
func TestReadRequests(t *testing.T) {
	t.Parallel()
	spans, records, points := toProto(t, fileTraces), toProto(t, fileLogs), toProto(t, fileMetrics)
	half := strings.Replace(fileTraces, `"spans":[`, `"spans":[{"spanId":"00"},`, 1)
	for name, c := range map[string]struct {
		file []byte
		want []string
	}{
		"empty":               {nil, []string{"traces 0"}},
		"empty object":        {[]byte(`{}`), []string{"traces 0"}},
		"empty of logs":       {[]byte("\n" + `{"resource_logs":[]}`), []string{"logs 0"}},
		"byte order mark":     {[]byte("\ufeff" + fileTraces), []string{"traces 1"}},
		"json traces":         {[]byte(fileTraces), []string{"traces 1"}},
		"json over lines":     {[]byte(strings.ReplaceAll(fileTraces, "[", "[\n")), []string{"traces 1"}},
		"json logs":           {[]byte(fileLogs + "\n"), []string{"logs 1"}},
		"json metrics":        {[]byte(fileMetrics), []string{"metrics 0"}},
		"protobuf traces":     {spans, []string{"traces 1"}},
		"protobuf logs":       {records, []string{"logs 1"}},
		"protobuf metrics":    {points, []string{"metrics 1"}},
		"gzip":                {gzipped(t, spans), []string{"traces 1"}},
		"zstd":                {zstded(t, []byte(fileLogs)), []string{"logs 1"}},
		"one refused":         {[]byte(half), []string{"traces 2, 1 refused: resource_spans[0].scope_spans[0].spans[0].span_id: span id must be 8 bytes and not all zero"}},
		"lines":               {[]byte(fileTraces + "\n" + fileLogs + "\r\n\n" + fileMetrics), []string{"line 1 traces 1", "line 2 logs 1", "line 4 metrics 0"}},
		"packed lines":        {gzipped(t, []byte(fileTraces+"\n"+fileLogs+"\n")), []string{"line 1 traces 1", "line 2 logs 1"}},
		"broken lines":        {[]byte(fileTraces + "\n" + fileLogs[:40] + "\n[]\n" + fileTraces), []string{"line 1 traces 1", "error line 2: read JSON at byte 33: unfinished string, and the text ends", "error line 3: neither a JSON object", "line 4 traces 1"}},
		"first line broken":   {[]byte(fileTraces[:50] + "\n" + fileLogs), []string{"error line 1: read JSON at byte ", "line 2 logs 1"}},
		"framed":              {framed(spans, zstded(t, records), []byte(fileTraces), points), []string{"message 1 traces 1", "message 2 logs 1", "message 3 traces 1", "message 4 metrics 1"}},
		"framed, cut off":     {framed(spans, records)[:len(spans)+20], []string{"message 1 traces 1", "error message 2: cut off: 12 of its "}},
		"framed, length cut":  {append(framed(spans), 0, 0), []string{"message 1 traces 1", "error message 2: cut off: 2 bytes are no length"}},
		"framed, one damaged": {framed([]byte{0x1f, 0x8b, 7}, spans), []string{"error message 1: cut off: the gzip data end after 0 bytes", "message 2 traces 1"}},
		"array":               {[]byte(`[]`), []string{`error neither a JSON object nor a protobuf request for traces or logs: byte 0 is "[]"`}},
		"noise":               {[]byte("<html><body>Sign in"), []string{`error neither a JSON object nor a protobuf request for traces or logs: byte 0 is "<html><body>Sign"`}},
		"json cut off":        {[]byte(`{"resourceSpans":`), []string{"error read JSON at byte 17: expected a value, and the text ends"}},
		"string cut off":      {[]byte(`{"resourceSpans":[{"sc`), []string{"error read JSON at byte 20: unfinished string, and the text ends"}},
		"more than one":       {[]byte(`{"resourceSpans":[]} {}`), []string{"error read JSON at byte 21: something follows the request"}},
		"protobuf cut off":    {spans[:20], []string{"error neither a JSON object nor a protobuf request for traces or logs: cut off: of the 46 bytes that begin at byte 2, 18 are here"}},
		"protobuf, length":    {[]byte{10, 0, 10}, []string{"error neither a JSON object nor a protobuf request for traces or logs: cut off: it ends in a length at byte 3"}},
		"gzip cut off":        {gzipped(t, spans)[:30], []string{"error cut off: the gzip data end after "}},
		"zstd cut off":        {zstded(t, spans)[:30], []string{"error cut off: the zstd data end after "}},
		"gzip damaged":        {append(gzipped(t, spans)[:len(gzipped(t, spans))-8], bytes.Repeat([]byte{0xff}, 8)...), []string{"error read gzip: "}},
	} {
		var got []string
		for r, err := range otlp.ReadRequests(c.file) {
			if err != nil {
				got = append(got, "error "+err.Error())
				continue
			}
			line := strings.TrimSpace(r.Place+" "+r.Signal) + " " + string(rune('0'+r.Items))
			if r.Rejected > 0 {
				line += ", " + string(rune('0'+r.Rejected)) + " refused: " + r.Reason
			}
			got = append(got, line)
		}
		ok := len(got) == len(c.want)
		for i := range c.want {
			ok = ok && (got[i] == c.want[i] || strings.HasPrefix(c.want[i], "error ") && strings.HasPrefix(got[i], c.want[i]))
		}
		if !ok {
			t.Errorf("%s:\n%s", name, cmp.Diff(c.want, got))
		}
	}
}

// FuzzReadRequests: whatever a file holds, what was read of it can be walked to its end.
func FuzzReadRequests(f *testing.F) {
	spans := toProto(f, fileTraces)
	for _, seed := range [][]byte{
		[]byte(fileTraces), []byte(fileLogs), []byte(fileTraces + "\n" + fileLogs + "\n" + fileMetrics),
		{10, 2, 18, 0},
		spans, toProto(f, fileMetrics), gzipped(f, spans), zstded(f, spans), framed(spans, gzipped(f, spans), []byte(fileLogs)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for r, err := range otlp.ReadRequests(b) {
			if err != nil {
				continue
			}
			items := 0
			switch r.Signal {
			case otlp.Traces:
				walk := wire.ReadTraces(r.Proto)
				for walk.Next() {
					items++
				}
				err = walk.Err()
			case otlp.Logs:
				walk := wire.ReadLogs(r.Proto)
				for walk.Next() {
					items++
				}
				err = walk.Err()
			default:
				continue
			}
			if err != nil || items != r.Items-r.Rejected {
				t.Errorf("%s: %d items, want %d of which %d are refused: %v", r.Signal, items, r.Items, r.Rejected, err)
			}
		}
	})
}
