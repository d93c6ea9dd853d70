package spanlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// trimSamples remembers which position was the last at which time, so that records younger than
// the duplicate window can be kept: after a restart JetStream rebuilds its duplicate table from
// the records that it still has. What was there at start counts as new, which only keeps longer.
type trimSamples struct {
	mu   sync.Mutex
	list []trimSample
}

type trimSample struct {
	at  time.Time
	seq uint64
}

// boundary adds a sample and returns the last position that is at least window old.
func (s *trimSamples) boundary(now time.Time, window time.Duration, last uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, trimSample{now, last})
	// Keep one sample that is old enough, and all that are younger.
	for len(s.list) > 1 && now.Sub(s.list[1].at) >= window {
		s.list = s.list[1:]
	}
	if now.Sub(s.list[0].at) >= window {
		return s.list[0].seq
	}
	return 0
}

func (l *log) trimLoop(ctx context.Context) {
	ticker := time.NewTicker(l.opts.TrimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if err := l.trim(ctx, now); err != nil && ctx.Err() == nil {
				l.opts.Logger.Warn("log could not be trimmed", "error", err)
			}
		}
	}
}

// trim removes what every registered reader has committed, but keeps the duplicate window. When
// the log is more than half full, room for new requests is worth more than that.
func (l *log) trim(ctx context.Context, now time.Time) error {
	l.trimming.Lock()
	defer l.trimming.Unlock()
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("trim log: %w", err)
	}
	info := s.CachedInfo()
	if l.wasReplaced(info) {
		return fmt.Errorf("trim log: %w", ErrReplaced)
	}
	st := info.State
	target := l.samples.boundary(now, info.Config.Duplicates, st.LastSeq)
	readers, err := l.readerStates(ctx)
	if err != nil {
		return fmt.Errorf("trim log: %w", err)
	}
	if len(readers) == 0 {
		return nil
	}
	committed := st.LastSeq
	for name, r := range readers {
		if !r.of(l.identity, st.LastSeq) {
			return fmt.Errorf("trim log: reader %q has not met this stream yet: nothing is removed until it has", name)
		}
		committed = min(committed, r.Position)
	}
	early := committed > target && info.Config.MaxBytes > 0 && st.Bytes > uint64(info.Config.MaxBytes)/2
	if !early {
		target = min(target, committed)
	} else {
		target = committed
	}
	if st.Msgs == 0 || target < st.FirstSeq {
		return nil
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(target+1)); err != nil {
		return fmt.Errorf("trim log up to %d: %w", target, err)
	}
	l.metrics.trimmed.Add(float64(target + 1 - st.FirstSeq))
	if early {
		l.metrics.earlyTrims.Inc()
	}
	return nil
}

// readerStates returns the state of every registered reader by name.
func (l *log) readerStates(ctx context.Context) (map[string]readerState, error) {
	keys, err := l.readers.Keys(ctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list readers: %w", err)
	}
	states := make(map[string]readerState, len(keys))
	for _, key := range keys {
		entry, err := l.readers.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read position of %q: %w", key, err)
		}
		var st readerState
		if err := json.Unmarshal(entry.Value(), &st); err != nil {
			return nil, fmt.Errorf("decode position of %q: %w", key, err)
		}
		states[key] = st
	}
	return states, nil
}
