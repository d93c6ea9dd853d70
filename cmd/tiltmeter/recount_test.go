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
	"github.com/tiltmeter/tiltmeter/ingest/pricing"
	"github.com/tiltmeter/tiltmeter/ingest/wire"
	"github.com/tiltmeter/tiltmeter/ingest/writer"
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
	// Spans whose cost has no source, is not its source's, or is unknown without a reason; and whose fingerprint is
	// not that of its parts.
	WrongCosts, WrongVersions int64
}

// The expectation is written from the columns' meaning, not taken from the materialized views: model calls that
// do not repeat others count tokens and cost, and unknown is -1 or a currency of ”.
const recountSQL = `
WITH
kept AS (
    SELECT project, trace_id, sum(spans) AS n, sum(genai_spans) AS g, sum(errors) AS e, sum(warnings) AS w,
        sum(input_tokens) AS it, sum(input_known) AS ik, sum(output_tokens) AS ot, sum(output_known) AS ok,
        sum(cache_read_tokens) AS rt, sum(cache_read_known) AS rk, sum(cache_write_tokens) AS wt, sum(cache_write_known) AS wk,
        sum(reasoning_tokens) AS gt, sum(reasoning_known) AS gk, toString(sum(cost)) AS c, max(cost_currency) AS cc, sum(unpriced) AS u,
        min(traces.start) AS s, max(traces.end) AS en
    FROM traces GROUP BY project, trace_id),
calls AS (
    SELECT *, operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank') AND usage_rollup != 1 AS call FROM spans),
again AS (
    SELECT project, trace_id, count() AS n, countIf(operation != '') AS g, countIf(outcome = 1) AS e, sum(length(warnings)) AS w,
        sumIf(input_tokens, call AND input_tokens != -1) AS it, countIf(call AND input_tokens != -1) AS ik,
        sumIf(output_tokens, call AND output_tokens != -1) AS ot, countIf(call AND output_tokens != -1) AS ok,
        sumIf(cache_read_tokens, call AND cache_read_tokens != -1) AS rt, countIf(call AND cache_read_tokens != -1) AS rk,
        sumIf(cache_write_tokens, call AND cache_write_tokens != -1) AS wt, countIf(call AND cache_write_tokens != -1) AS wk,
        sumIf(reasoning_tokens, call AND reasoning_tokens != -1) AS gt, countIf(call AND reasoning_tokens != -1) AS gk,
        toString(sumIf(cost, call AND cost_currency != '')) AS c, max(if(call, toString(cost_currency), '')) AS cc,
        countIf(call AND cost_currency = '' AND (input_tokens != -1 OR output_tokens != -1)) AS u,
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
    (SELECT count() FROM (SELECT * FROM kept_times EXCEPT SELECT * FROM times_again)) + (SELECT count() FROM (SELECT * FROM times_again EXCEPT SELECT * FROM kept_times)) AS WrongTimes,
    (SELECT count() FROM spans WHERE (cost_currency = '') != (cost_source = '') OR cost_currency = '' AND cost != 0
        OR cost_source = 'reported' AND (cost != reported_cost OR cost_currency != reported_currency)
        OR cost_source NOT IN ('', 'reported') AND cost_unknown != ''
        OR cost_source = '' AND cost_unknown = '' AND (input_tokens != -1 OR output_tokens != -1)) AS WrongCosts,
    (SELECT count() FROM spans WHERE fingerprint != if(fingerprint_model = 0 AND fingerprint_system = 0 AND fingerprint_tools = 0 AND fingerprint_params = 0,
        toFixedString('', 16), toFixedString(substring(SHA256(unhex(arrayStringConcat(arrayMap(n -> leftPad(hex(n), 16, '0'),
            [fingerprint_model, fingerprint_system, fingerprint_tools, fingerprint_params])))), 1, 16), 16))) AS WrongVersions
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
	bad(r.WrongCosts > 0, "%d spans have a cost that is not its source's, or none without a reason", r.WrongCosts)
	bad(r.WrongVersions > 0, "%d spans have a fingerprint that is not of its parts", r.WrongVersions)
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
		{"an unpriced call lost", "INSERT INTO traces (project, hour, trace_id, start, unpriced) SELECT project, hour, trace_id, start, 1 FROM traces LIMIT 1", "sum of their spans"},
		{"a wrapper counted", "DROP TABLE traces_of_spans; ALTER TABLE spans UPDATE usage_rollup = 1 WHERE operation = 'chat' SETTINGS mutations_sync = 1", "sum of their spans"},
		{"a cost without a source", "ALTER TABLE spans UPDATE cost_source = '' WHERE cost > 0 SETTINGS mutations_sync = 1", "not its source's"},
		{"a part of a fingerprint", "ALTER TABLE spans UPDATE fingerprint_tools = 1 WHERE fingerprint_model > 0 SETTINGS mutations_sync = 1", "not of its parts"},
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
	b, norm, prices := st.NewBatch(), dialect.New(dialect.Options{}), pricing.New(pricing.Default(), pricing.Options{})
	requests := loadgen.NewGenerator(3, 100, 0, 1)
	for seq := range uint64(10) {
		var span genai.Span
		for in := wire.ReadTraces(bytes.Clone(requests.Request(seq, time.Now()))); in.Next(); {
			norm.Span(&span, in.Resource(), in.Scope(), in.Span())
			span.Project = "default"
			var price store.Price
			writer.Price(&price, prices, &span)
			b.AddPriced(&span, &price)
		}
	}
	if err := st.Insert(t.Context(), b, database); err != nil {
		t.Fatal(err)
	}
	return int64(b.Rows())
}
