package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tiltmeter/tiltmeter/api/auth"
	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

func anyoneContext(t testing.TB) context.Context {
	return auth.WithPrincipal(t.Context(), auth.Principal{Scope: auth.ScopeAdmin, Project: auth.AllProjects})
}

// arrivals is the one question that the live tail asks of a store.
type arrivals struct {
	Store

	mu    sync.Mutex // guards everything below
	rows  []store.TraceSummary
	looks int
	err   error
}

func (a *arrivals) RecentTraces(_ context.Context, _ string, after store.Arrival, limit int, _ store.Filter) (page store.RecentPage, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looks++
	place := func(x, y store.Arrival) int {
		return cmp.Or(x.Time.Compare(y.Time), bytes.Compare(x.TraceID[:], y.TraceID[:]))
	}
	latest := map[genai.TraceID]store.TraceSummary{}
	for _, r := range a.rows {
		if r.InsertedAt.After(latest[r.TraceID].InsertedAt) {
			latest[r.TraceID] = r
		}
	}
	for _, r := range latest {
		if place(store.Arrival{Time: r.InsertedAt, TraceID: r.TraceID}, after) > 0 {
			page.Traces = append(page.Traces, r)
		}
	}
	slices.SortFunc(page.Traces, func(x, y store.TraceSummary) int {
		return place(store.Arrival{Time: x.InsertedAt, TraceID: x.TraceID}, store.Arrival{Time: y.InsertedAt, TraceID: y.TraceID})
	})
	if len(page.Traces) >= limit {
		page.Traces = page.Traces[:limit]
		page.Next = store.Arrival{Time: page.Traces[limit-1].InsertedAt, TraceID: page.Traces[limit-1].TraceID}
	}
	return page, a.err
}

func (a *arrivals) add(id byte, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows = append(a.rows, store.TraceSummary{TraceID: genai.TraceID{15: id}, InsertedAt: at})
}

func (a *arrivals) taken() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.looks
}

// reader follows a hub in the background and keeps what it was sent.
type reader struct {
	mu      sync.Mutex // guards everything below
	ids     []byte
	skipped int64
	beats   int
	last    string
	err     error
	done    bool
}

func (r *reader) got() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ids)
}

func follow(ctx context.Context, h *tailHub, since time.Time, filter ...string) *reader {
	r := &reader{}
	go func() {
		err := h.follow(ctx, "p", filter, since, func(i tailItem) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ids = append(r.ids, i.trace.TraceID[15])
			r.skipped += i.skipped
			r.last = i.id()
			return nil
		}, func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.beats++
			return nil
		}, func() error { return nil })
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err, r.done = err, true
	}()
	return r
}

func testHub(s Store, l Limits) *tailHub {
	return newTailHub(s, l.withDefaults(), slog.New(slog.DiscardHandler), nil)
}

func TestTailSharesOneLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{}
		h := testHub(a, Limits{})
		a.add(1, time.Now().Add(-time.Hour)) // before anyone followed
		pass(time.Minute)
		if a.taken() != 0 {
			t.Errorf("%d looks while nobody follows", a.taken())
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := follow(ctx, h, time.Time{}), follow(ctx, h, time.Time{})
		synctest.Wait()
		looks := a.taken()
		pass(10*time.Second + time.Millisecond)
		if n := a.taken() - looks; n != 10 {
			t.Errorf("%d looks in 10 s for two readers, want 10", n)
		}
		a.add(2, time.Now())
		pass(2 * time.Second)
		a.add(3, time.Now())
		a.add(2, time.Now()) // a further span of it
		pass(2 * time.Second)
		for name, r := range map[string]*reader{"first": first, "second": second} {
			if diff := gocmp.Diff([]byte{2, 2, 3}, r.got()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		cancel()
		synctest.Wait()
		if !first.done || !errors.Is(first.err, context.Canceled) {
			t.Errorf("after leaving: done %v, %v", first.done, first.err)
		}
		looks = a.taken()
		pass(time.Minute)
		if a.taken() != looks || len(h.polls) != 0 || h.count != 0 {
			t.Errorf("%d looks, %d polls, %d readers after the last left", a.taken()-looks, len(h.polls), h.count)
		}
	})
}

// TestTailSeesLateBlocks: a block whose rows are older than what was seen already is not missed, nor told twice.
func TestTailSeesLateBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{}
		r := follow(t.Context(), testHub(a, Limits{}), time.Time{})
		pass(10 * time.Second)
		made := time.Now()
		pass(time.Second)
		a.add(1, time.Now())
		pass(2 * time.Second)
		a.add(2, made) // becomes readable three seconds after it was made
		pass(20 * time.Second)
		if diff := gocmp.Diff([]byte{1, 2}, r.got()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTailSkipsForSlowReaders(t *testing.T) {
	t.Parallel()
	r := &tailReader{ready: make(chan struct{}, 1)}
	for i := range 10 {
		r.push(store.TraceSummary{TraceID: genai.TraceID{15: byte(i)}}, 3)
	}
	items := r.take()
	if len(items) != 3 || items[0].skipped != 7 || items[0].trace.TraceID[15] != 7 || items[1].skipped != 0 {
		t.Errorf("got %+v", items)
	}
	r.push(store.TraceSummary{}, 3)
	if items := r.take(); len(items) != 1 || items[0].skipped != 0 {
		t.Errorf("later: got %+v", items)
	}
}

// TestTailSaysWhatItLeavesOut: one insert holds more traces than a statement returns and than a reader's
// buffer takes. What does not reach the reader is counted in the stream.
func TestTailSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{}
		h := testHub(a, Limits{})
		r := follow(t.Context(), h, time.Time{})
		pass(time.Second)
		const traces = 3*tailBatch + 1
		a.mu.Lock()
		for i := range traces {
			a.rows = append(a.rows, store.TraceSummary{TraceID: genai.TraceID{0: 1, 14: byte(i >> 8), 15: byte(i)}, InsertedAt: time.Now()})
		}
		a.mu.Unlock()
		pass(2 * time.Second)
		r.mu.Lock()
		defer r.mu.Unlock()
		if got := int64(len(r.ids)) + r.skipped; got != traces || len(r.ids) < h.limits.TailBuffer {
			t.Errorf("%d traces sent and %d said to be left out, of %d", len(r.ids), r.skipped, traces)
		}
	})
}

func TestTailResumes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{}
		h := testHub(a, Limits{})
		ctx, cancel := context.WithCancel(t.Context())
		r := follow(ctx, h, time.Time{})
		pass(time.Second)
		a.add(1, time.Now())
		pass(2 * time.Second)
		cancel()
		synctest.Wait()
		for id := byte(2); id < 4; id++ {
			pass(time.Minute)
			a.add(id, time.Now())
		}
		since, ok := parseTailID(r.last)
		if !ok {
			t.Fatalf("id %q", r.last)
		}
		r = follow(t.Context(), h, since)
		pass(2 * time.Second)
		a.add(4, time.Now())
		pass(2 * time.Second)
		got := r.got()
		if len(got) > 0 && got[0] == 1 {
			got = got[1:] // the one it left at may come again
		}
		if diff := gocmp.Diff([]byte{2, 3, 4}, got); diff != "" {
			t.Error(diff)
		}
		old := follow(t.Context(), h, time.Now().Add(-24*time.Hour))
		pass(2 * time.Second)
		if n := len(old.got()); n != 4 { // all within ten minutes
			t.Errorf("resumed from yesterday: got %v", old.got())
		}
	})
}

func TestTailBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &arrivals{err: errors.New("engine restarts")}
		h := testHub(a, Limits{TailReaders: 2})
		first := follow(t.Context(), h, time.Time{})
		follow(t.Context(), h, time.Time{}, "service = a")
		synctest.Wait()
		third := follow(t.Context(), h, time.Time{})
		synctest.Wait()
		if c, _ := classify(third.err); !third.done || c != classExhausted {
			t.Errorf("third: %v %v", third.done, third.err)
		}
		if len(h.polls) != 2 {
			t.Errorf("%d polls for two filters", len(h.polls))
		}
		pass(46 * time.Second)
		first.mu.Lock()
		if first.done || first.beats != 3 {
			t.Errorf("while the engine is away: done %v (%v), %d signs of life in 46 s, want 3", first.done, first.err, first.beats)
		}
		first.mu.Unlock()
		a.mu.Lock()
		a.err = nil
		a.mu.Unlock()
		a.add(1, time.Now())
		pass(2 * time.Second)
		if diff := gocmp.Diff([]byte{1}, first.got()); diff != "" {
			t.Errorf("after the engine came back:\n%s", diff)
		}
		wrong := follow(t.Context(), h, time.Time{}, "nonsense")
		synctest.Wait()
		if c, _ := classify(wrong.err); c != classInvalid {
			t.Errorf("wrong filter: %v", wrong.err)
		}
	})
}

// pass lets time go by inside a synctest bubble.
func pass(d time.Duration) { <-time.After(d) }
