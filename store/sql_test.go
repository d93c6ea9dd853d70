package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

var updateSQL = flag.Bool("update-sql", false, "write the golden statements anew")

// TestStatements holds every statement that the read methods send, with its parameters, against a
// golden file: a change of one is seen in review, and the file can be pasted into a client.
func TestStatements(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	ctx := context.Background()
	sp := chat(1, 1, base)
	for i := range 20 {
		sp.Input = append(sp.Input, say(genai.RoleUser, fmt.Sprint("step ", i)))
	}
	sp.Input = append(sp.Input, say(genai.RoleUser, "the larder of a list"))
	silent := quiet(2, 1, base)
	b := s.NewBatch()
	b.AddSpan(sp)
	b.AddSpan(silent)
	tell(b, silent, "where is the marmalade", "in the larder")
	apart := quiet(3, 1, base.Add(-30*time.Minute)) // before what the others look at
	apart.Dialect, apart.ResponseID = genai.ApartDialects[0], "req_00000000000000000001"
	b.AddSpan(apart)
	addNameless(b, genai.TraceID{}, 0, ofTurn(answered("on the shelf", apart.End), "", 0, apart.ResponseID))
	if err := s.Insert(ctx, b, "a"); err != nil {
		t.Fatal(err)
	}
	q := store.TraceQuery{Project: "default", From: base.Add(-time.Hour), To: base.Add(time.Hour / 2)}
	filtered := q
	filtered.Filter = mustFilter(t, "service = shop", "service = till", "tokens.input > 5", "tag != x", "attr.http.route ~ buy", "trace_id = "+sp.TraceID.String())
	worded := q
	worded.Words = "larder"
	search := store.SearchQuery{Project: "default", Words: "larder", From: q.From, To: q.To}
	searchFiltered := search
	searchFiltered.Filter = mustFilter(t, "service = shop")
	for name, ask := range map[string]func() error{
		"ListTraces":          func() error { _, err := s.ListTraces(ctx, q); return err },
		"ListTraces_filtered": func() error { _, err := s.ListTraces(ctx, filtered); return err },
		"ListTraces_words":    func() error { _, err := s.ListTraces(ctx, worded); return err },
		"ListTraces_many":     func() error { store.Limit(s, 10, 0, 100); _, err := s.ListTraces(ctx, worded); return err },
		"Facets":              func() error { _, err := s.Facets(ctx, filtered, []string{"service", "status", "tag"}, 5); return err },
		"Histogram":           func() error { _, err := s.Histogram(ctx, filtered, time.Minute); return err },
		"RecentTraces": func() error {
			_, err := s.RecentTraces(ctx, "default", store.Arrival{Time: base, TraceID: id(1)}, 5, searchFiltered.Filter)
			return err
		},
		"Trace":      func() error { _, err := s.Trace(ctx, "default", silent.TraceID); return err },
		"TraceTree":  func() error { _, err := s.TraceTree(ctx, "default", sp.TraceID); return err },
		"Span":       func() error { _, err := s.Span(ctx, "default", sp.TraceID, sp.SpanID); return err },
		"Span_apart": func() error { _, err := s.Span(ctx, "default", apart.TraceID, apart.SpanID); return err },
		"SearchContents_nameless": func() error {
			nameless := search
			nameless.Words = "shelf"
			_, err := s.SearchContents(ctx, nameless)
			return err
		},
		"SpansWithContent": func() error {
			_, err := s.SpansWithContent(ctx, "default", silent.TraceID, 10, 1<<20)
			return err
		},
		"RawSpan":                 func() error { _, err := s.RawSpan(ctx, "default", sp.TraceID, sp.SpanID); return err },
		"SearchContents":          func() error { _, err := s.SearchContents(ctx, search); return err },
		"SearchContents_filtered": func() error { _, err := s.SearchContents(ctx, searchFiltered); return err },
		"SearchContents_many":     func() error { store.Limit(s, 10, 0, 100); _, err := s.SearchContents(ctx, search); return err },
		"Projects":                func() error { _, err := s.Projects(ctx); return err },
		"Counts":                  func() error { _, err := s.Counts(ctx, "default"); return err },
		"Stored":                  func() error { _, _, err := s.Stored(ctx, "default"); return err },
		"Instrumentations": func() error {
			_, err := s.Instrumentations(ctx, store.InstrumentationQuery{Project: "default", From: q.From, To: q.To})
			return err
		},
		"StorageStats": func() error { _, err := s.StorageStats(ctx); return err },
		"Answers": func() error {
			_, err := s.Answers(ctx, "default", []store.AnswerTrace{{ID: sp.TraceID}, {ID: silent.TraceID}})
			return err
		},
		"AnswerTraces": func() error { _, err := s.AnswerTraces(ctx, "default", q.From, q.To, id(0)); return err },
		"Signals":      func() error { _, _, err := s.Signals(ctx, "default", sp.TraceID, sp.SpanID); return err },
		"SignalSeries": func() error {
			_, _, err := s.SignalSeries(ctx, store.SignalQuery{Project: "default", From: q.From, To: q.To, Signal: "refusal"}, time.Minute)
			return err
		},
		"ListTraces_signals": func() error {
			asked := q
			asked.Filter = mustFilter(t, "signal.refusal = full", "signal.refusal = partial", "signal.grounding != supported", "signal.grounding > 0.8")
			_, err := s.ListTraces(ctx, asked)
			return err
		},
		"Detections": func() error {
			_, err := s.Detections(ctx, "default", []store.TraceSummary{{TraceID: sp.TraceID, Start: sp.Start, End: sp.End}, {TraceID: silent.TraceID, Start: silent.Start, End: silent.End}})
			return err
		},
		"Detections_long": func() error {
			_, err := s.Detections(ctx, "default", []store.TraceSummary{{TraceID: sp.TraceID, Start: base, End: base.AddDate(0, 0, 20)}})
			return err
		},
		"SignalBreakdown_filtered": func() error {
			_, _, err := s.SignalBreakdown(ctx, store.SignalQuery{Project: "default", From: q.From, To: q.To, Filter: searchFiltered.Filter}, "model")
			return err
		},
	} {
		var out strings.Builder
		store.Limit(s, 10, 10, 100)
		store.Asked(s, func(method, sql string, names, values []string) {
			fmt.Fprintf(&out, "-- %s\n", method)
			for i := range names {
				fmt.Fprintf(&out, "SET param_%s = '%s';\n", names[i], strings.ReplaceAll(values[i], "'", "\\'"))
			}
			fmt.Fprintf(&out, "%s;\n\n", strings.TrimSpace(sql))
		})
		if err := ask(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join("testdata", "sql", name+".sql")
		if *updateSQL {
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: make it with -update-sql", err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s differs, write it with -update-sql (-want +got):\n%s", path, diff)
		}
	}
}
