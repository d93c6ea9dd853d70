package api

import (
	"encoding/base64"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

func exampleQuery() query {
	return query{method: "ListTraces", project: "p", start: timestamppb.New(time.Unix(5, 0)), filter: []string{"service = a", "x"}, words: "w"}
}

func TestPageTokenIsBoundToItsQuery(t *testing.T) {
	t.Parallel()
	w := window{time.Unix(1, 2).UTC(), time.Unix(100, 3).UTC()}
	at := store.Cursor{Start: time.Unix(50, 7).UTC(), TraceID: genai.TraceID{1, 2}}
	token := encodeToken(exampleQuery(), w, at)
	gotWindow, gotAt, err := decodeToken(token, exampleQuery())
	if err != nil || gotWindow != w || gotAt != at {
		t.Fatalf("got %v %v %v, want %v %v", gotWindow, gotAt, err, w, at)
	}
	for name, change := range map[string]func(*query){
		"method":       func(q *query) { q.method = "SearchContents" },
		"project":      func(q *query) { q.project = "other" },
		"start":        func(q *query) { q.start = nil },
		"end":          func(q *query) { q.end = q.start },
		"filter":       func(q *query) { q.filter = q.filter[:1] },
		"filter split": func(q *query) { q.filter = []string{"service = ax"} },
		"words":        func(q *query) { q.words = "" },
	} {
		q := exampleQuery()
		change(&q)
		if _, _, err := decodeToken(token, q); err == nil {
			t.Errorf("another %s: the token was taken", name)
		}
	}
	if encodeToken(exampleQuery(), w, store.Cursor{}) != "" {
		t.Error("the last page has a token")
	}
}

func FuzzPageToken(f *testing.F) {
	w := window{time.Unix(1, 2), time.Unix(100, 3)}
	good := encodeToken(exampleQuery(), w, store.Cursor{Start: time.Unix(50, 7), TraceID: genai.TraceID{1}})
	f.Add(good)
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, tokenBytes)))
	f.Fuzz(func(t *testing.T, token string) {
		w, at, err := decodeToken(token, exampleQuery())
		if err != nil {
			return
		}
		if at.IsZero() || !w.from.Before(w.to) || !representable(at.Start) {
			t.Fatalf("token %q gave %v %v", token, w, at)
		}
		if again := encodeToken(exampleQuery(), w, at); again != token {
			t.Fatalf("token %q reads like %q", token, again)
		}
	})
}

// FuzzListTracesRequest: whatever a request says, it is refused or becomes a query within bounds.
func FuzzListTracesRequest(f *testing.F) {
	f.Add("service = a", "duration > 1s", "words", "", "default", int64(0), int64(10), int32(7))
	f.Add("attr.x ~ y", "cost >= 0.1", "", "AAAA", "*", int64(-1), int64(1)<<60, int32(-1))
	s := &traceService{limits: Limits{}.withDefaults(), now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	f.Fuzz(func(t *testing.T, f1, f2, words, token, project string, start, end int64, size int32) {
		ctx := anyoneContext(t)
		r := &pb.ListTracesRequest{
			Project: project, Filter: []string{f1, f2}, Query: words, PageToken: token, PageSize: size,
			StartTime: &timestamppb.Timestamp{Seconds: start}, EndTime: &timestamppb.Timestamp{Seconds: end},
		}
		q, err := s.traceQuery(ctx, r)
		if err != nil {
			return
		}
		if _, err = s.page(&q, "ListTraces", r, size, token); err != nil {
			return
		}
		if !q.From.Before(q.To) || q.Limit < 1 || q.Limit > store.MaxPage || q.Project == "" || len(q.Filter.Conditions()) != 2 {
			t.Fatalf("query %+v", q)
		}
	})
}

func TestHistogramStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		span    time.Duration
		buckets int
		want    time.Duration
	}{
		{time.Nanosecond, 60, time.Second},
		{time.Minute, 60, time.Second},
		{time.Hour, 60, time.Minute},
		{time.Hour + 1, 60, 2 * time.Minute},
		{24 * time.Hour, 60, 30 * time.Minute},
		{30 * 24 * time.Hour, 60, 12 * time.Hour},
		{365 * 24 * time.Hour, 60, 7 * 24 * time.Hour},
		{24 * time.Hour, 1, 24 * time.Hour},
	} {
		got := histogramStep(c.span, c.buckets)
		if got != c.want {
			t.Errorf("%v in %d: got %v, want %v", c.span, c.buckets, got, c.want)
		}
	}
}
