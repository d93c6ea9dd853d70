package api

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/tiltmeter/tiltmeter/genai"
	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
	"github.com/tiltmeter/tiltmeter/store"
)

const (
	// tailOverlap is how far each look goes back behind the last: a row's arrival time is taken when
	// its block is made, and the block can be read only some time later, after younger ones.
	tailOverlap = 5 * time.Second
	// tailResume is how far back a tail can be taken up again; what is older is for the list.
	tailResume = 10 * time.Minute
	// tailBatch is the most traces of one statement; when there are more, the next one follows at once.
	tailBatch = 500
)

// tailHub shares one look at the store among all who follow the same project with the same filter.
// A look is taken only while somebody follows.
type tailHub struct {
	store  Store
	limits Limits
	log    *slog.Logger
	now    func() time.Time

	readers prometheus.Gauge
	skipped prometheus.Counter

	mu    sync.Mutex // guards everything below
	polls map[string]*tailPoll
	count int
}

// tailPoll is the look at one project with one filter, and who it is for.
type tailPoll struct {
	project string
	filter  store.Filter
	cancel  context.CancelFunc
	readers map[*tailReader]bool // guarded by the hub's mutex
}

func newTailHub(s Store, l Limits, log *slog.Logger, reg prometheus.Registerer) *tailHub {
	h := &tailHub{
		store: s, limits: l, log: log, now: time.Now, polls: map[string]*tailPoll{},
		readers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tiltmeter_tail_readers", Help: "Open live tails.",
		}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tiltmeter_tail_skipped_traces_total", Help: "Traces that a live tail left out because its reader was too slow.",
		}),
	}
	if reg != nil {
		reg.MustRegister(h.readers, h.skipped)
	}
	return h
}

// tailReader is one who follows. The oldest trace makes room when its buffer is full.
type tailReader struct {
	from  time.Time // what arrived before is not for it
	ready chan struct{}

	mu      sync.Mutex // guards everything below
	buffer  []tailItem
	skipped int64 // since the last item that was taken
}

type tailItem struct {
	trace   store.TraceSummary
	skipped int64
}

// id is where to resume behind this item.
func (i *tailItem) id() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i.trace.InsertedAt.UnixNano()))
	return hex.EncodeToString(b[:])
}

// parseTailID reads an id that was given out by tailItem.id.
func parseTailID(s string) (time.Time, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 8 {
		return time.Time{}, false
	}
	t := time.Unix(0, int64(binary.BigEndian.Uint64(b))) //nolint:gosec // inverse of tailItem.id
	return t, representable(t)
}

func (r *tailReader) push(t store.TraceSummary, limit int) (dropped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.buffer) >= limit {
		r.buffer = r.buffer[1:]
		r.skipped++
		dropped = true
	}
	r.buffer = append(r.buffer, tailItem{trace: t})
	select {
	case r.ready <- struct{}{}:
	default:
	}
	return dropped
}

// take returns what has come since the last call; the first item says how many were left out before it.
func (r *tailReader) take() []tailItem {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.buffer
	r.buffer = nil
	if len(items) > 0 {
		items[0].skipped, r.skipped = r.skipped, 0
	}
	return items
}

// follow sends every trace that matches to send, from since on (zero: from now on), until the
// context ends or send fails. joined is called when the reader is let in, idle whenever there was
// nothing for the heartbeat's time.
func (h *tailHub) follow(ctx context.Context, project string, exprs []string, since time.Time,
	send func(tailItem) error, idle, joined func() error,
) error {
	filter, err := h.limits.filterOf(exprs)
	if err != nil {
		return err
	}
	if err := filter.FitsArrivals(); err != nil {
		return invalidFilter(err)
	}
	if since.IsZero() {
		since = h.now()
	} else if oldest := h.now().Add(-tailResume); since.Before(oldest) {
		since = oldest
	}
	r := &tailReader{from: since, ready: make(chan struct{}, 1)}
	leave, err := h.join(r, project, filter)
	if err != nil {
		return err
	}
	defer leave()
	if err := joined(); err != nil {
		return err
	}
	heartbeat := time.NewTicker(h.limits.TailHeartbeat)
	defer heartbeat.Stop()
	for {
		for _, item := range r.take() {
			if err := send(item); err != nil {
				return err
			}
			heartbeat.Reset(h.limits.TailHeartbeat)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ready:
		case <-heartbeat.C:
			if err := idle(); err != nil {
				return err
			}
		}
	}
}

// join adds a reader to the look of its project and filter, which begins with its first reader.
// A reader that resumes gets a look of its own, since it wants what the others have seen.
func (h *tailHub) join(r *tailReader, project string, filter store.Filter) (leave func(), err error) {
	key := tailKey(project, filter)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= h.limits.TailReaders {
		return nil, &failure{class: classExhausted, text: "too many live tails are open on this server: close one, or try again later"}
	}
	if h.now().Sub(r.from) > tailOverlap {
		key += "|since " + r.from.String()
	}
	p := h.polls[key]
	if p == nil {
		ctx, cancel := context.WithCancel(context.Background())
		p = &tailPoll{project: project, filter: filter, cancel: cancel, readers: map[*tailReader]bool{}}
		h.polls[key] = p
		go h.poll(ctx, p, r.from)
	}
	p.readers[r] = true
	h.count++
	h.readers.Inc()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(p.readers, r)
		h.count--
		h.readers.Dec()
		if len(p.readers) == 0 {
			p.cancel()
			delete(h.polls, key)
		}
	}, nil
}

func tailKey(project string, f store.Filter) string {
	parts := []string{project}
	for _, c := range f.Conditions() {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "\x00")
}

// poll looks for traces that arrived until nobody follows any more.
func (h *tailHub) poll(ctx context.Context, p *tailPoll, from time.Time) {
	mark := from.Add(-tailOverlap) // arrival of the newest trace seen
	seen := map[genai.TraceID]time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next, err := h.look(ctx, p, mark, seen)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			h.log.Warn("live tail cannot read", "project", p.project, "error", err)
		}
		mark = next
		timer.Reset(h.limits.TailEvery)
	}
}

// look hands what arrived since the mark to the readers and returns the new mark.
func (h *tailHub) look(ctx context.Context, p *tailPoll, mark time.Time, seen map[genai.TraceID]time.Time) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, h.limits.RequestTime)
	defer cancel()
	after := store.Arrival{Time: mark.Add(-tailOverlap)}
	next := mark
	defer func() {
		for id, at := range seen {
			if at.Before(next.Add(-2 * tailOverlap)) {
				delete(seen, id)
			}
		}
	}()
	for {
		page, err := h.store.RecentTraces(ctx, p.project, after, tailBatch, p.filter)
		if err != nil {
			return next, err
		}
		for _, t := range page.Traces {
			if t.InsertedAt.After(next) {
				next = t.InsertedAt
			}
			if at, ok := seen[t.TraceID]; !ok || t.InsertedAt.After(at) {
				seen[t.TraceID] = t.InsertedAt
				h.hand(p, t)
			}
		}
		// Within one look the next batch begins where this one ended, and the overlap is read once.
		if after = page.Next; after.IsZero() {
			return next, nil
		}
	}
}

func (h *tailHub) hand(p *tailPoll, t store.TraceSummary) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range p.readers {
		if t.InsertedAt.Before(r.from) {
			continue
		}
		if r.push(t, h.limits.TailBuffer) {
			h.skipped.Inc()
		}
	}
}

// TailTraces follows until the client leaves.
func (s *traceService) TailTraces(r *pb.TailTracesRequest, stream grpc.ServerStreamingServer[pb.TailTracesResponse]) error {
	project, err := projectOf(stream.Context(), r.GetProject())
	if err != nil {
		return err
	}
	send := func(i tailItem) error { return stream.Send(tailProto(&i)) }
	nothing := func() error { return nil }
	joined := func() error { return stream.SendHeader(nil) } // tells the client that it follows
	return s.tail.follow(stream.Context(), project, r.GetFilter(), time.Time{}, send, nothing, joined)
}

func tailProto(i *tailItem) *pb.TailTracesResponse {
	return &pb.TailTracesResponse{Trace: summaryProto(&i.trace), Skipped: i.skipped}
}
