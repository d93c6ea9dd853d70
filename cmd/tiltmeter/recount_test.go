package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/cmd/tiltmeter/loadgen"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/ingest/dialect"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/engine"
)

// recounted is what the tables themselves hold, asked past the API, which shows a span id once.
type recounted struct {
	Rows     int64   // of spans
	Distinct int64   // span ids among them
	Errors   int64   // by the summaries, as the next two
	Tokens   int64   // input and output
	Cost     float64 // in whatever currency
	// Traces whose summary, or time, is not what their spans give, and spans' traces without one.
	WrongTraces, WrongTimes int64
}

// The expectation is written from the columns' meaning, not taken from the materialized views: model
// calls alone count tokens and cost, and unknown is -1 or a currency of ”.
const recountSQL = `
WITH
kept AS (
    SELECT project, trace_id, sum(spans) AS n, sum(genai_spans) AS g, sum(errors) AS e, sum(warnings) AS w,
        sum(input_tokens) AS it, sum(input_known) AS ik, sum(output_tokens) AS ot, sum(output_known) AS ok,
        sum(cache_read_tokens) AS rt, sum(cache_read_known) AS rk, sum(cache_write_tokens) AS wt, sum(cache_write_known) AS wk,
        sum(reasoning_tokens) AS gt, sum(reasoning_known) AS gk, toString(sum(cost)) AS c, max(cost_currency) AS cc,
        min(traces.start) AS s, max(traces.end) AS en
    FROM traces GROUP BY project, trace_id),
calls AS (
    SELECT *, operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank') AS call FROM spans),
again AS (
    SELECT project, trace_id, count() AS n, countIf(operation != '') AS g, countIf(outcome = 1) AS e, sum(length(warnings)) AS w,
        sumIf(input_tokens, call AND input_tokens != -1) AS it, countIf(call AND input_tokens != -1) AS ik,
        sumIf(output_tokens, call AND output_tokens != -1) AS ot, countIf(call AND output_tokens != -1) AS ok,
        sumIf(cache_read_tokens, call AND cache_read_tokens != -1) AS rt, countIf(call AND cache_read_tokens != -1) AS rk,
        sumIf(cache_write_tokens, call AND cache_write_tokens != -1) AS wt, countIf(call AND cache_write_tokens != -1) AS wk,
        sumIf(reasoning_tokens, call AND reasoning_tokens != -1) AS gt, countIf(call AND reasoning_tokens != -1) AS gk,
        toString(sumIf(cost, call AND cost_currency != '')) AS c, max(if(call, toString(cost_currency), '')) AS cc,
        min(calls.start) AS s, max(addNanoseconds(calls.start, greatest(duration_ns, 0))) AS en
    FROM calls GROUP BY project, trace_id),
kept_times AS (SELECT project, trace_id, min(first) AS f, max(last) AS l FROM trace_times GROUP BY project, trace_id),
times_again AS (SELECT project, trace_id, min(start) AS f, max(start) AS l FROM spans GROUP BY project, trace_id)
SELECT
    (SELECT count() FROM spans) AS Rows,
    (SELECT uniqExact(project, trace_id, span_id) FROM spans) AS Distinct,
    (SELECT sum(e) FROM kept) AS Errors,
    (SELECT sum(it + ot) FROM kept) AS Tokens,
    (SELECT sum(toFloat64(c)) FROM kept) AS Cost,
    (SELECT count() FROM (SELECT * FROM kept EXCEPT SELECT * FROM again)) + (SELECT count() FROM (SELECT * FROM again EXCEPT SELECT * FROM kept)) AS WrongTraces,
    (SELECT count() FROM (SELECT * FROM kept_times EXCEPT SELECT * FROM times_again)) + (SELECT count() FROM (SELECT * FROM times_again EXCEPT SELECT * FROM kept_times)) AS WrongTimes
SETTINGS output_format_json_quote_64bit_integers = 0, except_default_mode = 'DISTINCT'
FORMAT JSONEachRow`

// recount asks the engine. Statements go over its HTTP interface: store has no such question.
func recount(t *testing.T, e *engine.Engine, database string) (r recounted) {
	t.Helper()
	answer := statement(t, e, database, recountSQL)
	if err := json.Unmarshal([]byte(answer), &r); err != nil {
		t.Fatalf("read %q: %v", answer, err)
	}
	return r
}

func statement(t *testing.T, e *engine.Engine, database, sql string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) },
	}}
	defer client.CloseIdleConnections()
	res, err := client.Post("http://engine/?database="+url.QueryEscape(database), "text/plain", strings.NewReader(sql))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("statement: %s %s (%v)", res.Status, body, err)
	}
	return string(body)
}

// wrong says what of r contradicts that spans are stored, each once.
func (r recounted) wrong(spans int64) (problems []string) {
	bad := func(cond bool, format string, args ...any) {
		if cond {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	bad(r.Rows != spans, "spans has %d rows for %d spans", r.Rows, spans)
	bad(r.Distinct != r.Rows, "%d rows of spans have %d ids", r.Rows, r.Distinct)
	bad(r.WrongTraces > 0, "%d traces have a summary that is not the sum of their spans", r.WrongTraces)
	bad(r.WrongTimes > 0, "%d traces have a time that is not their spans'", r.WrongTimes)
	bad(r.Errors == 0 || r.Tokens == 0 || r.Cost == 0, "nothing to compare: %d errors, %d tokens, %g cost", r.Errors, r.Tokens, r.Cost)
	return problems
}

// TestRecountSees holds that the proof of the crash tests would notice what it is there for.
func TestRecountSees(t *testing.T) {
	t.Parallel()
	e, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	const some = " WHERE trace_id = (SELECT min(trace_id) FROM spans)"
	for i, c := range []struct{ name, spoil, want string }{
		{name: "nothing"},
		{"spans and summaries doubled", "INSERT INTO spans SELECT * FROM spans LIMIT 1", "ids"},
		{"spans alone doubled", "DROP TABLE traces_of_spans; INSERT INTO spans SELECT * FROM spans" + some, "sum of their spans"},
		{"a summary doubled", "INSERT INTO traces SELECT * FROM traces" + some, "sum of their spans"},
		{"a cost doubled", "INSERT INTO traces (project, hour, trace_id, start, cost) SELECT project, hour, trace_id, start, cost FROM traces WHERE cost > 0 LIMIT 1", "sum of their spans"},
		{"a summary lost", "DELETE FROM traces" + some, "sum of their spans"},
		{"a time lost", "DELETE FROM trace_times" + some, "not their spans'"},
	} {
		database := fmt.Sprintf("recount_%d", i)
		spans := fill(t, e, database)
		for sql := range strings.SplitSeq(c.spoil, ";") {
			if sql != "" {
				statement(t, e, database, sql)
			}
		}
		got := strings.Join(recount(t, e, database).wrong(spans), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// fill stores the load's spans in a database of their own and says how many.
func fill(t *testing.T, e *engine.Engine, database string) int64 {
	t.Helper()
	o := e.ClickHouse()
	o.Auth.Database = database
	st, err := store.Open(t.Context(), store.Options{ClickHouse: o})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b, norm := st.NewBatch(), dialect.New(dialect.Options{})
	requests := loadgen.NewGenerator(3, 100, 0, 1)
	for seq := range uint64(10) {
		var span genai.Span
		for in := wire.ReadTraces(bytes.Clone(requests.Request(seq, time.Now()))); in.Next(); {
			norm.Span(&span, in.Resource(), in.Scope(), in.Span())
			span.Project = "default"
			b.AddSpan(&span)
		}
	}
	if err := st.Insert(t.Context(), b, database); err != nil {
		t.Fatal(err)
	}
	return int64(b.Rows())
}
