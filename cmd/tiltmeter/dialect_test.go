package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/otlp"
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
			checkGolden(t, name, &out)
		})
	}
}

func checkGolden(t *testing.T, name string, out *bytes.Buffer) {
	t.Helper()
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
}

// TestDialectTestAgent: records that name neither trace nor span are printed with the span that they are a part of, in any order of
// files; what is a part of none stands at the end.
func TestDialectTestAgent(t *testing.T) {
	t.Parallel()
	_, td, records := newAgent(t)
	lost := records[1].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	never := lost.AppendEmpty()
	lost.At(0).CopyTo(never)
	never.Attributes().PutStr("request_id", "req_00000000000000000000dead")
	never.Attributes().PutStr("prompt.id", "00000000-0000-0000-0000-00000000dead")
	dir := t.TempDir()
	var files []string
	write := func(name string, b []byte, err error) {
		if err == nil {
			files = append(files, filepath.Join(dir, name))
			err = os.WriteFile(files[len(files)-1], b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range []string{"first", "second"} {
		b, err := (&plog.ProtoMarshaler{}).MarshalLogs(records[i])
		write(name, b, err)
	}
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	write("traces", b, err)
	for range 2 {
		var out, complaints bytes.Buffer
		if err := testDialects(dialect.New(dialect.Options{}), files, false, nil, &out, &complaints); err != nil || complaints.Len() > 0 {
			t.Fatalf("%v: %s", err, &complaints)
		}
		checkGolden(t, "agent", &out)
		files = []string{files[0], files[2], files[1]} // spans between the records
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
	for _, want := range []string{
		"user: hello there", "log records   1", "ignored  my.key", "no dialect reads it; its attributes are kept as they are: 2",
		"log record without an event name  (no part of a GenAI span, and names none)\n  body          something else\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	for _, want := range []string{
		"broken.json: read JSON at byte ", "noise: neither ", "none: no such file", "metrics.json: metrics are not read",
		"half.json: 1 of 2 spans or log records are refused, the first at ",
	} {
		if !strings.Contains(complaints.String(), want) {
			t.Errorf("%q is not in\n%s", want, &complaints)
		}
	}
}

// TestDialectTestCollectorFile: what the Collector's file exporter writes, with a line that is cut off, a span that
// came twice, records of another span and of none, and names that would act on a terminal.
func TestDialectTestCollectorFile(t *testing.T) {
	t.Parallel()
	const trace, empty = "0102030405060708090a0b0c0d0e0f10", "0102030405060708090a0b0c0d0e0f11"
	span := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"` + trace + `","spanId":"0102030405060708","name":"chat \u001b[31mm\u202e\n","attributes":[` +
		`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"bad\tkey\u0007","value":{"stringValue":"v"}}]}]}]}]}`
	record := func(ids, event, text string) string {
		return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{` + ids + `"timeUnixNano":"1","eventName":"` + event + `","body":{"kvlistValue":{"values":[` +
			`{"key":"content","value":{"stringValue":"` + text + `"}}]}},"attributes":[{"key":"prompt.id","value":{"stringValue":"p\u009b1"}}]}]}]}]}`
	}
	lines := strings.Join([]string{
		span, `{"resourceMetrics":[]}`, record(`"traceId":"`+trace+`","spanId":"0102030405060708",`, "gen_ai.user.message", "hello there"),
		span, `{"resourceSpans":[{`, record(`"traceId":"`+trace+`","spanId":"0102030405060709",`, "gen_ai.choice", "of another"),
		record(`"traceId":"`+trace+`",`, "gen_ai.choice", "of the only call"), record(`"traceId":"`+empty+`",`, "gen_ai.choice", "of no span"),
		record("", "claude_code.user_prompt", "nobody's"),
	}, "\n")
	var out, complaints bytes.Buffer
	if err := testDialects(dialect.New(dialect.Options{}), []string{"-"}, false, strings.NewReader(lines), &out, &complaints); err != exitError(1) { //nolint:errorlint // itself
		t.Errorf("got %v, want exit status 1", err)
	}
	want := "tiltmeter: -: line 5: read JSON at byte 19: expected '\"', and the text ends\ntiltmeter: -: 1 request for metrics left out\n"
	if d := cmp.Diff(want, complaints.String()); d != "" {
		t.Error(d)
	}
	for want, n := range map[string]int{
		`chat \x1b[31mm\u202e\n  (span `: 2, "user: hello there": 2, "  given         2 times;": 2, `ignored  bad\tkey\a`: 2,
		"log record gen_ai.choice  (span 0102030405060709, trace " + trace + ", which is not in these files)": 1, "assistant: of another": 1,
		"assistant: of the only call": 2, "  log records   2\n": 2,
		"log record gen_ai.choice  (names no span; trace " + empty + ")":                1,
		"log record claude_code.user_prompt  (no part of a GenAI span, and names none)": 1,
		`ignored  prompt.id  p\u009b1`:                                                  1,
	} {
		if got := strings.Count(out.String(), want); got != n {
			t.Errorf("%q is there %d times, want %d:\n%s", want, got, n, &out)
		}
	}
	if strings.ContainsFunc(strings.ReplaceAll(out.String(), "\n", ""), acts) {
		t.Errorf("a terminal would act on %q", &out)
	}

	out.Reset()
	if err := testDialects(dialect.New(dialect.Options{}), []string{"-"}, true, strings.NewReader(lines), &out, io.Discard); err != exitError(1) { //nolint:errorlint // itself
		t.Errorf("got %v, want exit status 1", err)
	}
	if strings.ContainsFunc(strings.ReplaceAll(out.String(), "\n", ""), acts) {
		t.Errorf("a terminal would act on %q", &out)
	}
	types := ""
	for line := range strings.Lines(out.String()) {
		var got struct {
			Type, Name string
			Copies     int
			Attributes map[string]string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		types += got.Type + " "
		if got.Type == "span" && (got.Name != "chat \x1b[31mm\u202e\n" || got.Copies != 2) || got.Name == "claude_code.user_prompt" && got.Attributes["prompt.id"] != "p\u009b1" {
			t.Errorf("got %+v of %s", got, line)
		}
	}
	if types != "span span log_record log_record log_record " {
		t.Errorf("got %s", types)
	}
}

// TestJoinInAnyOrder: a trace of several calls and records, some without a span and some without a trace, come in any order; each
// content is on its call, once.
func TestJoinInAnyOrder(t *testing.T) {
	t.Parallel()
	norm := dialect.New(dialect.Options{})
	_, td, halves := newAgent(t)
	read := func(t failer, td ptrace.Traces, logs ...plog.Logs) (x examination) {
		x.norm = norm
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			t.Fatal(err)
		}
		x.request(otlp.Request{Signal: otlp.Traces, Proto: b})
		for _, ld := range logs {
			b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
			if err != nil {
				t.Fatal(err)
			}
			x.request(otlp.Request{Signal: otlp.Logs, Proto: b})
		}
		return x
	}
	texts := func(spans []*explained) map[genai.SpanID][]string {
		out := map[genai.SpanID][]string{}
		for _, s := range spans {
			for _, m := range slices.Concat(s.Input, s.Output) {
				for _, p := range m.Parts {
					out[s.SpanID] = append(out[s.SpanID], p.Content+string(p.Arguments))
				}
			}
			out[s.SpanID] = append(out[s.SpanID], s.Cost.Amount, string(s.Tool.Arguments))
		}
		return out
	}
	inOrder := read(t, td, halves[0], halves[1])
	if alone := join(inOrder.spans, inOrder.fragments); len(alone) > 0 {
		t.Fatalf("%d records are a part of none", len(alone))
	}
	want := texts(inOrder.spans)
	rapid.Check(t, func(t *rapid.T) {
		x := read(t, td, halves[0], halves[1])
		spans := rapid.Permutation(x.spans).Draw(t, "spans")
		fragments := rapid.Permutation(x.fragments).Draw(t, "records")
		if alone := join(spans, fragments); len(alone) > 0 {
			t.Fatalf("%d records are a part of none", len(alone))
		}
		if d := cmp.Diff(want, texts(spans)); d != "" {
			t.Fatalf("-in their order +in another:\n%s", d)
		}
	})
}

// failer is what a test and a property have in common.
type failer interface{ Fatal(args ...any) }

// TestDialectTestSaysWhatIsEmpty: a request that holds nothing is no failure, and not silence.
func TestDialectTestSaysWhatIsEmpty(t *testing.T) {
	t.Parallel()
	var out, complaints bytes.Buffer
	if err := testDialects(dialect.New(dialect.Options{}), []string{"-"}, true, strings.NewReader("{}"), &out, &complaints); err != nil || out.Len() > 0 {
		t.Errorf("%v, %s", err, &out)
	}
	if want := "tiltmeter: -: no spans and no log records in it\n"; complaints.String() != want {
		t.Errorf("got %q, want %q", &complaints, want)
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
