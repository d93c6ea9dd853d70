package spanlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// maxFetchBytes caps one request to the server: with one record more it stays under
	// serverMaxPendingBytes, above which the server would cut the connection.
	maxFetchBytes = 32 << 20
	// maxFetchRecords caps one request to the server.
	maxFetchRecords = 4096
	// pollEvery finds what another process appended; our own appends wake the reader at once.
	pollEvery = 50 * time.Millisecond
	// fetchTimeout is how long the server may be silent in the middle of an answer.
	fetchTimeout = 10 * time.Second
)

var readerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// readerState is what the log keeps of a reader: position and intent in one value, so that a
// commit moves both in one durable step. Owner fences: every Reader writes its own.
type readerState struct {
	Owner    string  `json:"owner,omitempty"`
	Position uint64  `json:"position"`
	Intent   *Intent `json:"intent,omitempty"`
}

type reader struct {
	log  *log
	name string

	// mu guards everything below.
	mu       sync.Mutex
	revision uint64
	state    readerState
}

// Register implements Log.
func (l *log) Register(ctx context.Context, name string, from StartAt) error {
	if !readerName.MatchString(name) {
		return fmt.Errorf("register reader %q: %w: the name must match %s", name, ErrInvalid, readerName)
	}
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("register reader %q: %w", name, l.publishError(ctx, l.health(), err))
	}
	st := s.CachedInfo().State
	position := st.LastSeq
	if from == StartFirst {
		position = max(st.FirstSeq, 1) - 1
	}
	value, err := json.Marshal(readerState{Position: position})
	if err != nil {
		return fmt.Errorf("register reader %q: %w", name, err)
	}
	if _, err := l.readers.Create(ctx, name, value); err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("register reader %q: %w", name, l.publishError(ctx, l.health(), err))
	}
	return nil
}

func (l *log) health() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.healthy
}

// Unregister implements Log.
func (l *log) Unregister(ctx context.Context, name string) error {
	if err := l.readers.Purge(ctx, name); err != nil {
		return fmt.Errorf("unregister reader %q: %w", name, err)
	}
	return nil
}

// Reader implements Log.
func (l *log) Reader(ctx context.Context, name string) (Reader, error) {
	entry, err := l.readers.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) || errors.Is(err, jetstream.ErrInvalidKey) {
		return nil, fmt.Errorf("open reader %q: %w; register it first", name, ErrNotRegistered)
	}
	if err != nil {
		return nil, fmt.Errorf("open reader %q: %w", name, l.publishError(ctx, l.health(), err))
	}
	r := &reader{log: l, name: name, revision: entry.Revision()}
	if err := json.Unmarshal(entry.Value(), &r.state); err != nil {
		return nil, fmt.Errorf("decode position of reader %q: %w", name, err)
	}
	next := r.state
	next.Owner = nuid.Next()
	if err := r.save(ctx, next); err != nil {
		return nil, fmt.Errorf("open reader %q: %w", name, err)
	}
	return r, nil
}

func (r *reader) Name() string { return r.name }

func (r *reader) Position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Position
}

// save writes next if nobody else has written since. mu is held, or r is not shared yet. When
// the answer is lost, the stored value decides: the owner in it makes it unmistakably ours.
func (r *reader) save(ctx context.Context, next readerState) error {
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode position: %w", err)
	}
	revision, err := r.log.readers.Update(ctx, r.name, value, r.revision)
	if err != nil {
		entry, getErr := r.log.readers.Get(ctx, r.name)
		switch {
		case errors.Is(getErr, jetstream.ErrKeyNotFound):
			return fmt.Errorf("save position: %w", ErrNotRegistered)
		case getErr != nil, entry.Revision() == r.revision:
			return fmt.Errorf("save position: %w", r.log.publishError(ctx, r.log.health(), err))
		case !bytes.Equal(entry.Value(), value):
			return fmt.Errorf("save position: %w", ErrFenced)
		}
		revision = entry.Revision()
	}
	r.revision, r.state = revision, next
	return nil
}

// Begin implements Reader.
func (r *reader) Begin(ctx context.Context, in Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case in.First <= r.state.Position || in.Last < in.First || in.Token == "" || len(in.Extra) > MaxIntentExtraBytes:
		return fmt.Errorf("begin range %d to %d: %w: position is %d, a token is needed, extra is at most %d bytes", in.First, in.Last, ErrInvalid, r.state.Position, MaxIntentExtraBytes)
	case r.state.Intent != nil && !sameIntent(*r.state.Intent, in):
		return fmt.Errorf("begin range %d to %d: %w: range %d to %d is", in.First, in.Last, ErrPending, r.state.Intent.First, r.state.Intent.Last)
	}
	next := r.state
	next.Intent = &in
	if err := r.save(ctx, next); err != nil {
		return fmt.Errorf("begin range %d to %d: %w", in.First, in.Last, err)
	}
	return nil
}

// Pending implements Reader.
func (r *reader) Pending(context.Context) (*Intent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Intent == nil {
		return nil, nil
	}
	in := *r.state.Intent
	return &in, nil
}

// Commit implements Reader.
func (r *reader) Commit(ctx context.Context, in Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Intent == nil && in.Last <= r.state.Position {
		return nil
	}
	if r.state.Intent == nil || !sameIntent(*r.state.Intent, in) {
		return fmt.Errorf("commit range %d to %d: %w", in.First, in.Last, ErrPending)
	}
	next := r.state
	next.Position, next.Intent = in.Last, nil
	if err := r.save(ctx, next); err != nil {
		return fmt.Errorf("commit range %d to %d: %w", in.First, in.Last, err)
	}
	return nil
}

func sameIntent(a, b Intent) bool {
	return a.First == b.First && a.Last == b.Last && a.Token == b.Token
}

// Fetch implements Reader.
func (r *reader) Fetch(ctx context.Context, fromSeq uint64, maxRecords, maxBytes int) ([]Entry, error) {
	for {
		woken := r.log.woken()
		entries, err := r.log.get(ctx, streamName, fromSeq, maxRecords, maxBytes)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			return nil, fmt.Errorf("fetch from %d: %w", fromSeq, err)
		}
		if len(entries) > 0 && err == nil {
			return entries, nil
		}
		// Nothing yet, or the server is being opened again: wait for either.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-woken:
		case <-time.After(pollEvery):
		}
	}
}

// Range implements Reader.
func (r *reader) Range(ctx context.Context, first, last uint64, each func(Entry) error) error {
	for next := first; next <= last; {
		want := int(min(last-next+1, maxFetchRecords))
		entries, err := r.log.get(ctx, streamName, next, want, maxFetchBytes)
		if err != nil {
			return fmt.Errorf("read range %d to %d: %w", first, last, err)
		}
		if len(entries) == 0 {
			return r.log.rangeEnd(ctx, next, last)
		}
		for _, e := range entries {
			if e.Seq > last {
				return nil
			}
			if err := each(e); err != nil {
				return err
			}
			next = e.Seq + 1
		}
	}
	return nil
}

// rangeEnd decides what it means that nothing is left from next on. Reads may be answered by a
// replica that is behind; a range that ends early because of that must not pass for whole.
func (l *log) rangeEnd(ctx context.Context, next, last uint64) error {
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return l.publishError(ctx, l.health(), err)
	}
	info := s.CachedInfo()
	if info.State.LastSeq < last || info.Config.Replicas > 1 && info.State.Msgs > 0 {
		return retryable(ErrUnavailable, retryUnavailable, "read range from %d to %d: the server that answered does not have it (last position %d)", next, last, info.State.LastSeq)
	}
	return nil
}

// get asks for a batch by position (NATS ADR-31). No records and no error: there are none.
func (l *log) get(ctx context.Context, stream string, from uint64, maxRecords, maxBytes int) ([]Entry, error) {
	msgs, err := l.getMessages(ctx, stream, from, maxRecords, maxBytes)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(msgs))
	for i, m := range msgs {
		e := &entries[i]
		if e.Seq, err = strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64); err != nil {
			return nil, fmt.Errorf("decode position of a stored record: %w", err)
		}
		e.Record, e.Err = readHeader(m.Header, m.Data)
	}
	return entries, nil
}

func (l *log) getMessages(ctx context.Context, stream string, from uint64, maxRecords, maxBytes int) ([]*nats.Msg, error) {
	request, err := json.Marshal(map[string]uint64{
		"seq":       max(from, 1),
		"batch":     uint64(min(max(maxRecords, 1), maxFetchRecords)),
		"max_bytes": uint64(min(max(maxBytes, 1), maxFetchBytes)),
	})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	inbox := l.conn.NewInbox()
	sub, err := l.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// The request bounds the answer, so the client must not.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return nil, unavailable(err)
	}
	if err := l.conn.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, request); err != nil {
		return nil, unavailable(err)
	}
	var msgs []*nats.Msg
	for {
		msg, err := nextMessage(ctx, sub)
		if err != nil {
			return nil, err
		}
		switch status := msg.Header.Get("Status"); {
		case status == "" || len(msg.Data) > 0:
			msgs = append(msgs, msg)
		case status == "204", status == "404":
			return msgs, nil
		default:
			return nil, unavailable(fmt.Errorf("status %s %s", status, msg.Header.Get("Description")))
		}
	}
}

func nextMessage(ctx context.Context, sub *nats.Subscription) (*nats.Msg, error) {
	wait, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	msg, err := sub.NextMsgWithContext(wait)
	switch {
	case err == nil:
		return msg, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, unavailable(err)
	}
}

func unavailable(err error) error {
	return retryable(ErrUnavailable, retryUnavailable, "read log: the log did not answer: %v", err)
}
