package dialect_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
)

// TestAdvise: every code is explained in sentences, and a setting is named where the instrumentation has one.
func TestAdvise(t *testing.T) {
	t.Parallel()
	codes := []string{
		dialect.AdviceTokensMissing, dialect.AdviceModelMissing, dialect.AdviceCostUnknown, dialect.AdviceUnread,
		dialect.AdviceUnknown, dialect.AdviceUsageRepeated,
	}
	for _, c := range genai.WarningCodes {
		codes = append(codes, string(c))
	}
	titles := map[string]string{}
	for _, c := range codes {
		a := dialect.Advise(c, "no such dialect", "")
		if a.Title == "" || !strings.HasSuffix(a.Meaning, ".") || !strings.HasSuffix(a.Action, ".") {
			t.Errorf("%s: %+v", c, a)
		}
		if other := titles[a.Title]; other != "" {
			t.Errorf("%s and %s have one title: %s", c, other, a.Title)
		}
		titles[a.Title] = c
	}
	general := dialect.Advise(string(genai.WarnContentMissing), "no such dialect", "")
	if len(general.Settings) > 0 || !strings.Contains(general.Action, "Capture of content is off") {
		t.Errorf("without a dialect: %+v", general)
	}
	for _, c := range []struct{ dialect, scope, setting string }{
		{"otel-genai", "@opentelemetry/instrumentation-openai", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true (JavaScript, older Python)"},
		{"otel-genai", "opentelemetry.instrumentation.openai_v2", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY (current Python)"},
		{"otel-genai", "opentelemetry.instrumentation.openai_v2", "OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental (current Python)"},
		{"otel-genai", "com.anthropic.sdk.typescript", "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content"},
		{"openinference", "openinference.instrumentation.openai", "OPENINFERENCE_HIDE_INPUTS=false"},
		{"openllmetry", "", "TRACELOOP_TRACE_CONTENT=true"},
		{"microsoft-ai", "agent_framework", "ENABLE_SENSITIVE_DATA=true"},
		{"google-adk", "gcp.vertex.agent", "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true"},
	} {
		a := dialect.Advise(string(genai.WarnContentMissing), c.dialect, c.scope)
		if !slices.Contains(a.Settings, c.setting) || a.Meaning != general.Meaning {
			t.Errorf("%s %s: %+v", c.dialect, c.scope, a)
		}
		if other := dialect.Advise(string(genai.WarnTruncated), c.dialect, c.scope); slices.Contains(other.Settings, c.setting) {
			t.Errorf("%s %s: a setting of another matter: %+v", c.dialect, c.scope, other)
		}
	}
	if a := dialect.Advise("nothing of the kind", "otel-genai", ""); a.Title != "" {
		t.Errorf("a code of none: %+v", a)
	}
}

// TestAdviceTable: docs/instrumentation.md has every setting, each of a dialect that there is.
func TestAdviceTable(t *testing.T) {
	t.Parallel()
	var names []string
	for _, d := range dialect.List() {
		names = append(names, d.Name)
	}
	var w strings.Builder
	w.WriteString("| dialect | scopes | settings |\n| --- | --- | --- |\n")
	dialect.Captures(func(name, scope string, settings []string) {
		if !slices.Contains(names, name) {
			t.Errorf("there is no dialect %q: its advice would never be seen", name)
		}
		if scope != "" {
			scope = "`" + scope + "*`"
		}
		fmt.Fprintf(&w, "| `%s` | %s | `%s` |\n", name, scope, strings.Join(settings, "`, `"))
	})
	const (
		file  = "../../docs/instrumentation.md"
		begin = "<!-- settings: go test ./ingest/dialect -run TestAdviceTable -update -->\n"
		end   = "<!-- end of settings -->\n"
	)
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	want := before + begin + w.String() + end + after
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has no table between %q and %q", file, begin, end)
	case want == string(doc):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of %s is not what the dialects know; run go test ./ingest/dialect -run TestAdviceTable -update", file)
	}
}
