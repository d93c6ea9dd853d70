package spanlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// maxFetchBytes caps one request to the server: with one record more it stays under
	// serverMaxPendingBytes, above which the server would cut the connection.
	maxFetchBytes = 32 << 20
	// maxFetchRecords caps one request to the server.
	maxFetchRecords = 4096
	// An idle reader asks again after firstPoll, then after twice that and so on up to lastPoll, for
	// what another process appended; our own appends wake it at once.
	firstPoll, lastPoll = 50 * time.Millisecond, 400 * time.Millisecond
	// embeddedPoll: nobody else can append to an embedded server, so this only guards against a wake
	// that was missed.
	embeddedPoll = 2 * time.Second
	// fetchTimeout is how long the server may be silent in the middle of an answer.
	fetchTimeout = 10 * time.Second
)

// Fetch implements Reader.
func (r *reader) Fetch(ctx context.Context, fromSeq uint64, maxRecords, maxBytes int) ([]Entry, error) {
	pause := firstPoll
	for {
		woken := r.log.woken()
		entries, err := r.log.get(ctx, streamName, fromSeq, maxRecords, maxBytes)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			return nil, fmt.Errorf("fetch from %d: %w", fromSeq, err)
		}
		if len(entries) > 0 && err == nil {
			return entries, nil
		}
		if r.log.replaced.Load() {
			return nil, fmt.Errorf("fetch from %d: %w", fromSeq, ErrReplaced)
		}
		if r.log.isClosed() {
			return nil, fmt.Errorf("fetch from %d: %w", fromSeq, ErrClosed)
		}
		// Nothing yet, or the server is being opened again: wait for either.
		switch {
		case err != nil:
			pause = firstPoll
		case r.log.server != nil:
			pause = embeddedPoll
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-woken:
		case <-time.After(pause):
			pause = min(2*pause, lastPoll)
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
			if entries, err = r.log.leaderNext(ctx, next, last); err != nil {
				return fmt.Errorf("read range %d to %d: %w", first, last, err)
			}
			if len(entries) == 0 {
				return nil
			}
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

// leaderNext returns the first record from next on, if it is not behind last. A batch may be
// answered by a replica that is behind, and a range that ends early because of that must not pass
// for whole; so an empty answer counts only when the stream's leader confirms it.
func (l *log) leaderNext(ctx context.Context, next, last uint64) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	s, err := l.js.Stream(ctx, streamName)
	if err != nil {
		return nil, unavailable(err)
	}
	info := s.CachedInfo()
	if l.wasReplaced(info) {
		return nil, ErrReplaced
	}
	switch end := info.State.LastSeq; {
	case end < last && info.Config.Replicas > 1:
		return nil, unavailable(fmt.Errorf("its leader has reached position %d, not yet %d", end, last))
	case end < last:
		return nil, fmt.Errorf("%w: the log ends at position %d", ErrInvalid, end)
	}
	request, err := json.Marshal(map[string]any{"seq": max(next, 1), "next_by_subj": subjectPrefix + ">"})
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	answer, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+streamName, request)
	if err != nil {
		return nil, unavailable(err)
	}
	var found struct {
		Message struct {
			Seq    uint64 `json:"seq"`
			Header []byte `json:"hdrs"`
			Data   []byte `json:"data"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &found); err != nil {
		return nil, unavailable(err)
	}
	switch m := found.Message; {
	case found.Error != nil && found.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound, m.Seq > last:
		return nil, nil
	case found.Error != nil:
		return nil, unavailable(found.Error)
	default:
		// A header that cannot be decoded leaves every field missing, which readHeader reports.
		header, _ := nats.DecodeHeadersMsg(m.Header)
		e := Entry{Seq: m.Seq}
		e.Record, e.Err = readHeader(header, m.Data)
		return []Entry{e}, nil
	}
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
