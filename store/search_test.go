package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func say(r genai.Role, text string) genai.Message {
	return genai.Message{Role: r, Parts: []genai.Part{{Type: genai.PartText, Content: text}}}
}

// searchAll pages through a search.
func searchAll(t *testing.T, s *store.Store, q store.SearchQuery) (hits []store.SearchHit) {
	t.Helper()
	for range 100 {
		page, err := s.SearchContents(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, page.Hits...)
		if q.After = page.Next; q.After.IsZero() {
			return hits
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

// TestAWordInMoreContentsThanAreNamed: more contents hold the word than their names could travel, and
// every trace is found all the same, the rare one by its filter, the one in a long list too.
func TestAWordInMoreContentsThanAreNamed(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	const common, named = 520, 100
	store.Limit(s, 0, named, 10*common)
	b := s.NewBatch()
	for i := range common {
		sp := chat(i, 1, base.Add(time.Duration(i)*time.Second))
		sp.Input = []genai.Message{say(genai.RoleUser, fmt.Sprintf("marmalade order %d", i))}
		b.AddSpan(sp)
	}
	rare := chat(common, 1, base.Add(-2*time.Hour)) // before all others, and the last that a search comes to
	rare.Service.Name = "rare"
	for i := range 300 {
		rare.Input = append(rare.Input, say(genai.RoleUser, fmt.Sprintf("rare step %d", i)))
	}
	rare.Input = append(rare.Input, say(genai.RoleUser, "the marmalade of a long list"))
	b.AddSpan(rare)
	without := chat(common+1, 1, base)
	without.Service.Name = "without"
	b.AddSpan(without)
	if err := s.Insert(context.Background(), b, "a"); err != nil {
		t.Fatal(err)
	}
	q := store.SearchQuery{Project: "default", Words: "marmalade", From: base.Add(-12 * time.Hour), To: base.Add(12 * time.Hour), Limit: store.MaxPage}
	hits := searchAll(t, s, q)
	seen := map[genai.TraceID]bool{}
	for i, h := range hits {
		if seen[h.TraceID] || !strings.Contains(h.Snippet, "marmalade") {
			t.Errorf("hit %d: %+v, seen before: %t", i, h, seen[h.TraceID])
		}
		seen[h.TraceID] = true
	}
	if len(hits) != common+1 {
		t.Errorf("found %d traces, want %d", len(hits), common+1)
	}
	q.Filter = mustFilter(t, "service = rare")
	if hits := searchAll(t, s, q); len(hits) != 1 || hits[0].TraceID != rare.TraceID || !strings.Contains(hits[0].Snippet, "long list") {
		t.Errorf("with a filter: %+v", hits)
	}
	tq := store.TraceQuery{Project: "default", Words: "marmalade", From: q.From, To: q.To, Filter: q.Filter}
	if page, err := s.ListTraces(context.Background(), tq); err != nil || len(page.Traces) != 1 {
		t.Errorf("listed: %v, %v", traceNumbers(page.Traces), err)
	}
	tq.Filter = store.Filter{}
	facets, err := s.Facets(context.Background(), tq, []string{"service"}, 10)
	if err != nil || len(facets[0].Values) != 2 || facets[0].Values[0].Traces != common || facets[0].Values[1].Traces != 1 {
		t.Errorf("facets: %+v, %v", facets, err)
	}
	buckets, err := s.Histogram(context.Background(), tq, 24*time.Hour)
	if err != nil || len(buckets) != 1 || buckets[0].Traces != common+1 {
		t.Errorf("histogram: %+v, %v", buckets, err)
	}
	store.Limit(s, 0, 0, 10*common) // not even the nodes of lists can be named
	if hits := searchAll(t, s, q); len(hits) != 1 || hits[0].TraceID != rare.TraceID {
		t.Errorf("through nodes without names: %+v", hits)
	}
	store.Limit(s, 0, named, common/2)
	_, searchErr := s.SearchContents(context.Background(), q)
	_, listErr := s.ListTraces(context.Background(), tq)
	_, facetErr := s.Facets(context.Background(), tq, []string{"service"}, 10)
	for _, err := range []error{searchErr, listErr, facetErr} {
		if !errors.Is(err, store.ErrTooBroad) {
			t.Errorf("more than can be followed: got %v, want ErrTooBroad", err)
		}
	}
}

// TestSearchMatchesOneSpan: the filter and the words are about the same span.
func TestSearchMatchesOneSpan(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	one, two := chat(1, 1, base), chat(1, 2, base.Add(time.Second))
	one.Service.Name, two.Service.Name = "one", "two"
	one.Output, two.Output = nil, []genai.Message{say(genai.RoleAssistant, "marmalade")}
	insert(t, s, "a", one, two)
	q := store.SearchQuery{Project: "default", Words: "marmalade", From: base.Add(-time.Hour), To: base.Add(time.Hour)}
	for filter, want := range map[string]int{"service = one": 0, "service = two": 1} {
		q.Filter = mustFilter(t, filter)
		if hits := searchAll(t, s, q); len(hits) != want || want == 1 && hits[0].SpanID != two.SpanID {
			t.Errorf("%s: got %+v, want %d hits", filter, hits, want)
		}
	}
}

// TestFacetsAgreeWithTheList: a trace is counted where it is listed, with all its spans: where it starts.
func TestFacetsAgreeWithTheList(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	q := store.TraceQuery{Project: "default", From: base, To: base.Add(time.Hour)}
	named := func(service string, sp *genai.Span) *genai.Span {
		sp.Service.Name = service
		return sp
	}
	insert(t, s, "a",
		named("inside", chat(1, 1, base.Add(time.Minute))),
		named("began before", chat(2, 1, q.From.Add(-time.Minute))), named("began before", chat(2, 2, q.From.Add(time.Minute))),
		named("began hours before", chat(3, 1, q.From.Add(-9*time.Hour))), named("began hours before", chat(3, 2, q.From.Add(time.Minute))),
		named("ends after", chat(4, 1, q.To.Add(-time.Minute))), named("comes after", chat(4, 2, q.To.Add(time.Minute))),
		named("after", chat(5, 1, q.To)),
	)
	facets, err := s.Facets(context.Background(), q, []string{"service"}, 10)
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]int64{}
	for _, v := range facets[0].Values {
		counted[v.Value] = v.Traces
	}
	for _, service := range []string{"inside", "began before", "began hours before", "ends after", "comes after", "after"} {
		q.Filter = mustFilter(t, "service = "+service)
		page, err := s.ListTraces(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(page.Traces)) != counted[service] {
			t.Errorf("%s: %d traces listed, %d counted", service, len(page.Traces), counted[service])
		}
		buckets, err := s.Histogram(context.Background(), q, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var drawn int64
		for _, b := range buckets {
			drawn += b.Traces
		}
		if drawn != int64(len(page.Traces)) {
			t.Errorf("%s: %d traces listed, %d in the histogram", service, len(page.Traces), drawn)
		}
	}
	if len(counted) != 3 {
		t.Errorf("counted %v, want inside, ends after and comes after", counted)
	}
}

// TestWordsOfEveryScript: quotes, dashes and spaces outside ASCII end a word, and letters are alike in either case.
func TestWordsOfEveryScript(t *testing.T) {
	t.Parallel()
	s := storetest.Store(t)
	for i, text := range []string{
		"the “refund” policy", "The policy—as stated", "about shipping…", "price\u00a0EUR", "ÜBERGRÖSSE passt", "Отказ в оплате",
		"何日かかりますか？はい", "½ cup, naïve café²", `C:\next "quoted"`, "half a broken \xff byte",
	} {
		sp := chat(i+1, 1, base.Add(time.Duration(i)*time.Minute))
		sp.Output = []genai.Message{say(genai.RoleAssistant, text)}
		insert(t, s, fmt.Sprint("t", i), sp)
	}
	for words, marked := range map[string]string{
		"refund": "refund", "POLICY as": "", "shipping": "shipping", "price": "price", "übergrösse": "ÜBERGRÖSSE", "ÜbergrÖsse": "ÜBERGRÖSSE",
		"отказ": "Отказ", "何日かかりますか": "何日かかりますか", "“refund”": "refund", "CAFÉ²": "café²", "quoted": "quoted", "broken": "broken",
	} {
		hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: words, From: base.Add(-time.Hour), To: base.Add(time.Hour)})
		if len(hits) != 1 || len(hits[0].Highlights) == 0 {
			t.Errorf("%q: %d hits, %+v; want one", words, len(hits), hits)
			continue
		}
		h := hits[0]
		if got := h.Snippet[h.Highlights[0].Start:h.Highlights[0].End]; marked != "" && got != marked {
			t.Errorf("%q: marked %q, want %q", words, got, marked)
		}
	}
	if hits := searchAll(t, s, store.SearchQuery{Project: "default", Words: "fund", From: base.Add(-time.Hour), To: base.Add(time.Hour)}); len(hits) != 0 {
		t.Errorf("a part of a word is found: %+v", hits)
	}
}
