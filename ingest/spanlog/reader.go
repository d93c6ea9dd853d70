package spanlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

var readerName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// readerState is what the log keeps of a reader: position and intent in one value, so that a
// commit moves both in one durable step. Owner fences: every Reader writes its own.
type readerState struct {
	// Stream is the identity of the stream that the positions belong to.
	Stream   string  `json:"stream,omitempty"`
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
	// A trim that has not seen this reader must not remove what it is about to need.
	l.trimming.Lock()
	defer l.trimming.Unlock()
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("register reader %q: %w", name, l.publishError(ctx, l.health(), err))
	}
	st := s.CachedInfo().State
	position := st.LastSeq
	if from == StartFirst {
		position = max(st.FirstSeq, 1) - 1
	}
	value, err := json.Marshal(readerState{Position: position, Stream: identity(s.CachedInfo())})
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
	next, err := l.reconcile(ctx, name, r.state)
	if err != nil {
		return nil, fmt.Errorf("open reader %q: %w", name, err)
	}
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
// the answer to an earlier save was lost, the stored value is newer than what r knows, but it
// names r as its owner; then nobody else has written, and next replaces it.
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
		case getErr != nil, entry.Revision() <= r.revision:
			return fmt.Errorf("save position: %w", r.log.publishError(ctx, r.log.health(), err))
		}
		revision = entry.Revision()
		if !bytes.Equal(entry.Value(), value) {
			if !ownedBy(entry.Value(), next.Owner) {
				return fmt.Errorf("save position: %w", ErrFenced)
			}
			if revision, err = r.log.readers.Update(ctx, r.name, value, revision); err != nil {
				return fmt.Errorf("save position: %w", r.log.publishError(ctx, r.log.health(), err))
			}
		}
	}
	r.revision, r.state = revision, next
	return nil
}

func ownedBy(value []byte, owner string) bool {
	var st readerState
	return json.Unmarshal(value, &st) == nil && st.Owner == owner
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
