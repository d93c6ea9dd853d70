package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// TestDialectTest reads captures of several clients as a user would, and compares what is printed.
func TestDialectTest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		capture string
		json    bool
	}{
		"attributes": {"openinference-openai/tools", false},
		"wrappers":   {"vercel-ai-v6/tools", false},
		"records":    {"otel-js-openai/tools", false},
		"platform":   {"langfuse-v5/error", false},
		"json":       {"otel-js-openai/error", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := filepath.Glob(filepath.Join(captures, c.capture, "*.pb"))
			if err != nil || len(files) == 0 {
				t.Fatalf("find the capture: %v", err)
			}
			var out, complaints bytes.Buffer
			if err := testDialects(dialect.New(dialect.Options{}), files, c.json, nil, &out, &complaints); err != nil || complaints.Len() > 0 {
				t.Fatalf("%v: %s", err, &complaints)
			}
			golden := filepath.Join("testdata", "dialect", name+".golden")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), out.String()); d != "" {
				t.Errorf("go test ./cmd/tiltmeter -run TestDialectTest -update writes it anew (-want +got):\n%s", d)
			}
		})
	}
}

// TestDialectTestReadsWhatItCan: a file that cannot be read is named with its reason, and the others are shown.
func TestDialectTestReadsWhatItCan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	span := `{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat m","attributes":` +
		`[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"my.key","value":{"stringValue":"v"}}]}`
	good := `{"resourceSpans":[{"scopeSpans":[{"spans":[` + span + `]}]}]}`
	record := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",` +
		`"timeUnixNano":"1","eventName":"gen_ai.user.message","body":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"hello there"}}]}}},` +
		`{"timeUnixNano":"1","body":{"stringValue":"something else"}}]}]}]}`
	files := []string{
		write("logs", record), write("broken.json", `{"resourceSpans":[{`), write("noise", "\xff\xfe\x00nonsense"), filepath.Join(dir, "none"),
		write("metrics.json", `{"resourceMetrics":[]}`), write("half.json", strings.Replace(good, span, `{"spanId":"00"},`+span, 1)), "-",
	}
	plain := strings.ReplaceAll(strings.Replace(good, "gen_ai.operation.name", "http.route", 1), "0708", "0709")
	var out, complaints bytes.Buffer
	if err := testDialects(dialect.New(dialect.Options{}), files, false, strings.NewReader(plain), &out, &complaints); err != exitError(1) { //nolint:errorlint // itself
		t.Errorf("got %v, want exit status 1", err)
	}
	for _, want := range []string{"user: hello there", "log records   1", "ignored  my.key", "no dialect reads it; its 2 attributes", "1 log records are no part"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	for _, want := range []string{"broken.json: read JSON at byte ", "noise: ", "none: no such file", "metrics.json: metrics are not read", "half.json: 1 spans or log records are refused"} {
		if !strings.Contains(complaints.String(), want) {
			t.Errorf("%q is not in\n%s", want, &complaints)
		}
	}
}

// TestDialectTestJSON: OTLP/JSON and protobuf of one request give the same, one object a line.
func TestDialectTestJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(captures, "openinference-openai", "tools", "001_traces.pb")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	var fromProto, fromJSON bytes.Buffer
	if err := testDialects(dialect.New(dialect.Options{}), []string{file}, true, nil, &fromProto, &fromProto); err != nil {
		t.Fatal(err)
	}
	if err := testDialects(dialect.New(dialect.Options{}), []string{"-"}, true, bytes.NewReader(asJSON), &fromJSON, &fromJSON); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fromProto.String(), fromJSON.String()); d != "" {
		t.Error(d)
	}
	for line := range strings.Lines(fromProto.String()) {
		var s struct {
			SpanID  string `json:"span_id"`
			Sources []struct{ Key, Outcome string }
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil || len(s.SpanID) != 16 || len(s.Sources) == 0 {
			t.Errorf("%v: %s", err, line)
		}
	}
}

func TestDialectList(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := listDialects(nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"langfuse", "scope @arizeai/openinference-", "gen_ai.prompt.N.*", "span claude_code."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
