package spanlog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Status implements Log.
func (l *log) Status(ctx context.Context) (Status, error) {
	// A request that the server lost while it was opened again is never answered.
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return Status{}, fmt.Errorf("read log status: %w", unavailable(err))
	}
	dead, err := l.js.Stream(ctx, deadStreamName)
	if err != nil {
		return Status{}, fmt.Errorf("read dead letter status: %w", unavailable(err))
	}
	info := s.CachedInfo()
	now := time.Now()
	st := Status{
		Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes,
		FirstSeq: info.State.FirstSeq, LastSeq: info.State.LastSeq,
		DiskFreeBytes: l.disk.freeBytes(now), MinFreeBytes: l.opts.MinFreeBytes,
		DeadLetters: dead.CachedInfo().State.Msgs, Refusing: l.refusing(l.health()),
	}
	st.Accepting = st.Refusing == ""
	states, err := l.readerStates(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("read log status: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		r := ReaderStatus{Name: name, Position: states[name].Position}
		if !states[name].of(identity(info), st.LastSeq) {
			r.Position = 0 // of another stream: it will begin anew
		}
		if st.LastSeq > r.Position {
			r.Pending = st.LastSeq - max(r.Position, max(st.FirstSeq, 1)-1)
			if r.Lag, err = l.lag(ctx, r.Position+1, now); err != nil {
				return Status{}, fmt.Errorf("read lag of %q: %w", name, err)
			}
		}
		st.Readers = append(st.Readers, r)
	}
	return st, nil
}

// lag is the age of the first record from seq on.
func (l *log) lag(ctx context.Context, seq uint64, now time.Time) (time.Duration, error) {
	msgs, err := l.getMessages(ctx, streamName, seq, 1, 1)
	if err != nil || len(msgs) == 0 {
		return 0, err
	}
	at, err := time.Parse(time.RFC3339Nano, msgs[0].Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return 0, fmt.Errorf("decode time of a stored record: %w", err)
	}
	return max(now.Sub(at), 0), nil
}
