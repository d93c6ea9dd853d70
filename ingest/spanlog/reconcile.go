package spanlog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reach is the last position that the state speaks of.
func (s readerState) reach() uint64 {
	if s.Intent != nil {
		return max(s.Position, s.Intent.Last)
	}
	return s.Position
}

// of says whether the positions are those of the stream with this identity and end. A state from
// before identities were kept belongs to it as long as it does not reach further.
func (s readerState) of(identity string, last uint64) bool {
	return s.Stream == identity || s.Stream == "" && s.reach() <= last
}

// wasReplaced notes when the stream is not the one that the log was opened on.
func (l *log) wasReplaced(info *jetstream.StreamInfo) bool {
	if identity(info) == l.identity {
		return false
	}
	if !l.replaced.Swap(true) {
		l.opts.Logger.Error("the log's stream was deleted and made again while it was in use; reading stops until the log is opened again",
			"stream", streamName, "created", info.Created, "last_position", info.State.LastSeq)
	}
	return true
}

// reconcile makes the positions of a reader fit the stream that there is. A position beyond the
// stream's end would wait for records that never come, while those that do come pass unread.
//
// A stream that was made anew is read from its first record: none of it was read before. One that
// lost its end (an operator's server that does not sync, after a crash) is read on from where it
// ends now, and a range that was under way shrinks to what is left of it, under its own token: if
// it had been inserted the store drops it. Both are said aloud.
func (l *log) reconcile(ctx context.Context, name string, st readerState) (readerState, error) {
	info, err := l.caughtUp(ctx, st)
	if err != nil {
		return st, err
	}
	first, last, now := max(info.State.FirstSeq, 1), info.State.LastSeq, identity(info)
	was := st
	st.Stream = now
	switch {
	case !was.of(now, last):
		st.Position, st.Intent = first-1, nil
		l.metrics.resets.WithLabelValues("replaced").Inc()
	case was.reach() <= last:
		return st, nil
	default:
		st.Position = min(st.Position, last)
		if in := st.Intent; in != nil {
			left := *in
			if left.Last = last; left.First <= last {
				st.Intent = &left
			} else {
				st.Intent, st.Position = nil, last
			}
		}
		l.metrics.resets.WithLabelValues("shortened").Inc()
	}
	l.opts.Logger.Error("a reader's position is not one of the log's stream, which was replaced or has lost its end; it was moved",
		"reader", name, "position", was.Position, "reached", was.reach(), "of_stream", was.Stream,
		"stream", now, "first", first, "last", last, "new_position", st.Position)
	return st, nil
}

// caughtUp returns the stream's state. The leader of a cluster may have been elected a moment ago
// and not have applied all that was agreed; so it is given some time to reach the reader's end.
func (l *log) caughtUp(ctx context.Context, st readerState) (*jetstream.StreamInfo, error) {
	wait := time.NewTimer(fetchTimeout)
	defer wait.Stop()
	for {
		s, err := l.js.Stream(ctx, streamName)
		if err != nil {
			return nil, unavailable(err)
		}
		info := s.CachedInfo()
		if l.wasReplaced(info) {
			return nil, ErrReplaced
		}
		if info.Config.Replicas < 2 || st.Stream != identity(info) || st.reach() <= info.State.LastSeq {
			return info, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wait.C:
			return info, nil
		case <-time.After(reconnectWait):
		}
	}
}
