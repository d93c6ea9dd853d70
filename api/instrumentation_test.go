package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/store"
)

// TestReadingReport: what the store counts comes out with what the dialects say about it.
func TestReadingReport(t *testing.T) {
	t.Parallel()
	r := start(t)
	first := store.SpanRef{TraceID: theID, SpanID: theSpan, Start: noon}
	last := first
	last.Start = noon.Add(time.Hour)
	r.store.report = store.InstrumentationReport{Truncated: true, Rows: []store.Instrumentation{
		{
			Service: "support", Namespace: "shop", Dialect: "otel-genai", DialectVersions: []string{"1.37"}, ScopeName: "instr", ScopeVersion: "2",
			Spans: 9, ModelCalls: 4, Input: store.Share{Have: 1, Of: 4}, Output: store.Share{Have: 0, Of: 3}, Model: store.Share{Have: 4, Of: 4},
			Tokens: store.Share{Have: 3, Of: 3}, FirstSeen: noon, LastSeen: noon.Add(time.Hour),
			Findings: []store.Finding{{Code: "content_missing", Spans: 3, First: first, Last: last}, {Code: store.FindUsageRepeated, Spans: 1, First: first, Last: first}},
		},
		{Service: "cut \xff", Spans: 1, FirstSeen: noon, LastSeen: noon},
	}}
	window := "startTime=2026-03-01T00:00:00Z&endTime=2026-03-02T00:00:00Z"
	code, body := r.get(t, "/v1/instrumentation?"+window)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	golden(t, "reading_report", body)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if q := r.store.reported[0]; q.Project != auth.DefaultProject || !q.From.Equal(day) || !q.To.Equal(day.AddDate(0, 0, 1)) {
		t.Errorf("asked for %+v", q)
	}
	if code, _ := r.get(t, "/v1/instrumentation"); code != http.StatusOK {
		t.Errorf("without a time: %d", code)
	}
	if q := r.store.reported[1]; q.To.Sub(q.From) != 24*time.Hour {
		t.Errorf("without a time: %+v", q)
	}
}

// TestReadingReportRefuses names what is wrong with a request.
func TestReadingReportRefuses(t *testing.T) {
	t.Parallel()
	r := start(t)
	for query, field := range map[string]string{
		"startTime=2026-03-02T00:00:00Z&endTime=2026-03-01T00:00:00Z": "start_time",
		"project=not%20a%20project%21":                                "project",
	} {
		if code, body := r.get(t, "/v1/instrumentation?"+query); code != http.StatusBadRequest || !strings.Contains(body, `"`+field+`"`) {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	if len(r.store.reported) > 0 {
		t.Errorf("the store was asked: %+v", r.store.reported)
	}
	r.store.err = fmt.Errorf("report: %w", store.ErrTooManyRecords)
	if code, body := r.get(t, "/v1/instrumentation"); code != http.StatusBadRequest || !strings.Contains(body, "choose a shorter one") || !strings.Contains(body, `"start_time"`) {
		t.Errorf("too many log records: %d %s", code, body)
	}
}

// TestReadingReportOfOthers: a key of one project reads the report of that one.
func TestReadingReportOfOthers(t *testing.T) {
	t.Parallel()
	r := start(t, withKeys)
	bearer := "Bearer " + r.key(t, auth.ScopeRead, "mine")
	if code, _ := r.get(t, "/v1/instrumentation"); code != http.StatusUnauthorized {
		t.Errorf("without a key: %d", code)
	}
	if code, _ := r.get(t, "/v1/instrumentation?project=yours", "Authorization", bearer); code != http.StatusForbidden {
		t.Errorf("of another project: %d", code)
	}
	if code, _ := r.get(t, "/v1/instrumentation", "Authorization", bearer); code != http.StatusOK || r.store.reported[0].Project != "mine" {
		t.Errorf("of its own: %d %+v", code, r.store.reported)
	}
}
