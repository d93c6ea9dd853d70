package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReadinessIsAskedOnceASecond: probes need no key, and each would else ask the log and the engine.
func TestReadinessIsAskedOnceASecond(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var broken atomic.Bool
	r := newReadiness([]Part{{Name: "engine", Check: func(ctx context.Context) error {
		asked.Add(1)
		if broken.Load() {
			return errors.New("away")
		}
		return ctx.Err()
	}}})
	now := time.Unix(1_800_000_000, 0)
	r.now = func() time.Time { return now }
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := r.check(gone); !ok {
		t.Error("the answer is about the caller that has left")
	}
	broken.Store(true)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, ok := r.check(t.Context()); !ok {
				t.Error("asked again within the second")
			}
		})
	}
	wg.Wait()
	now = now.Add(readyAge)
	if _, ok := r.check(t.Context()); ok || asked.Load() != 2 {
		t.Errorf("after a second: ready %t, asked %d times, want 2", ok, asked.Load())
	}
}
