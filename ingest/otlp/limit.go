package otlp

import (
	"sync"
	"sync/atomic"
	"time"
)

// gate bounds the bytes of all requests that are being read, checked or written to the log.
type gate struct {
	limit int64
	used  atomic.Int64
}

// budget is one request's share of the gate.
type budget struct {
	gate *gate
	held int64
}

// grow makes the share at least n bytes and says whether the gate had room for it. An only
// request is let through whatever its size, so that a small gate cannot stop ingest.
func (b *budget) grow(n int64) bool {
	more := n - b.held
	if more <= 0 {
		return true
	}
	for {
		used := b.gate.used.Load()
		if total := used + more; total > b.gate.limit && total != n {
			return false
		}
		if b.gate.used.CompareAndSwap(used, used+more) {
			b.held = n
			return true
		}
	}
}

// release gives the share back.
func (b *budget) release() {
	b.gate.used.Add(-b.held)
	b.held = 0
}

// throttle holds a token bucket for each project. A request is let in while its project's bucket
// is not in debt and is charged for the spans that are taken, so that a batch larger than the
// bucket still passes, and the rate holds on average.
type throttle struct {
	perSecond, burst float64
	now              func() time.Time

	// mu guards everything below.
	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newThrottle(perSecond, burst int, now func() time.Time) *throttle {
	return &throttle{
		perSecond: float64(perSecond), burst: float64(max(burst, perSecond)), now: now,
		buckets: make(map[string]*bucket),
	}
}

// wait returns how long the project has to wait before its next request, 0 if not at all.
func (t *throttle) wait(project string) time.Duration {
	if t.perSecond <= 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.refill(project)
	if b.tokens > 0 {
		return 0
	}
	return time.Duration((1 - b.tokens) / t.perSecond * float64(time.Second))
}

// charge takes n spans off the project's bucket.
func (t *throttle) charge(project string, n int) {
	if t.perSecond <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refill(project).tokens -= float64(n)
}

// refund gives back what was charged for n spans that were not taken, or had been before.
func (t *throttle) refund(project string, n int) {
	if t.perSecond <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.refill(project)
	b.tokens = min(t.burst, b.tokens+float64(n))
}

func (t *throttle) refill(project string) *bucket {
	now := t.now()
	b, ok := t.buckets[project]
	if !ok {
		b = &bucket{tokens: t.burst, at: now}
		t.buckets[project] = b
		return b
	}
	b.tokens = min(t.burst, b.tokens+now.Sub(b.at).Seconds()*t.perSecond)
	b.at = now
	return b
}
