package spanlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of a dead letter, beside those of its record.
const (
	headerReader = "Tm-Reader"
	headerSeq    = "Tm-Seq"
	headerReason = "Tm-Reason"
	headerError  = "Tm-Error"
)

// maxReasonBytes bounds a reason: it is a metric label.
const maxReasonBytes = 64

type deadLetters struct{ log *log }

// DeadLetters implements Log.
func (l *log) DeadLetters() DeadLetters { return deadLetters{l} }

// Put implements DeadLetters. The origin is the subject, and the server stores it only if the
// subject is empty; so putting twice is known for ever, not just within a window.
func (d deadLetters) Put(ctx context.Context, letter DeadLetter) error {
	if !readerName.MatchString(letter.Reader) || letter.Seq == 0 {
		return fmt.Errorf("put dead letter: %w: reader %q and position %d must name its origin", ErrInvalid, letter.Reader, letter.Seq)
	}
	reason := clip(letter.Reason, maxReasonBytes)
	seq := strconv.FormatUint(letter.Seq, 10)
	msg := &nats.Msg{Subject: deadPrefix + letter.Reader + "." + seq, Header: nats.Header{}, Data: letter.Payload}
	writeHeader(msg.Header, letter.Record)
	msg.Header.Set(headerReader, letter.Reader)
	msg.Header.Set(headerSeq, seq)
	msg.Header.Set(headerReason, reason)
	msg.Header.Set(headerError, clip(letter.Error, MaxDeadLetterErrorBytes))
	_, err := d.log.publish(ctx, msg, len(letter.Payload), jetstream.WithExpectLastSequencePerSubject(0))
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil
	}
	if err != nil {
		return fmt.Errorf("put dead letter of position %d: %w", letter.Seq, err)
	}
	d.log.metrics.deadLetters.WithLabelValues(reason).Inc()
	return nil
}

// List implements DeadLetters.
func (d deadLetters) List(ctx context.Context, after uint64, limit int) ([]DeadLetter, error) {
	var letters []DeadLetter
	limit = min(limit, MaxDeadLetterPage)
	for len(letters) < limit {
		msgs, err := d.log.getMessages(ctx, deadStreamName, after+1, limit-len(letters), maxFetchBytes)
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		if len(msgs) == 0 {
			break
		}
		for _, m := range msgs {
			letter, err := readLetter(m)
			if err != nil {
				return nil, fmt.Errorf("list dead letters: %w", err)
			}
			letters = append(letters, letter)
			after = letter.ID
		}
	}
	return letters, nil
}

// Get implements DeadLetters.
func (d deadLetters) Get(ctx context.Context, id uint64) (DeadLetter, error) {
	msgs, err := d.log.getMessages(ctx, deadStreamName, id, 1, 1)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("get dead letter %d: %w", id, err)
	}
	if len(msgs) > 0 {
		letter, err := readLetter(msgs[0])
		if err != nil {
			return DeadLetter{}, fmt.Errorf("get dead letter %d: %w", id, err)
		}
		if letter.ID == id {
			return letter, nil
		}
	}
	return DeadLetter{}, fmt.Errorf("get dead letter %d: %w", id, ErrNotFound)
}

func readLetter(m *nats.Msg) (DeadLetter, error) {
	id, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return DeadLetter{}, fmt.Errorf("decode id of a dead letter: %w", err)
	}
	// The record may be dead because of its headers; what cannot be read stays zero.
	letter := DeadLetter{
		ID: id, Reader: m.Header.Get(headerReader), Reason: m.Header.Get(headerReason), Error: m.Header.Get(headerError),
	}
	letter.Record, _ = readHeader(m.Header, m.Data)
	letter.Seq, _ = strconv.ParseUint(m.Header.Get(headerSeq), 10, 64)
	letter.PutAt, _ = time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	return letter, nil
}

// Replay implements DeadLetters. The id of the letter is the record's identity, not its content,
// which the log may well have seen within the duplicate window.
func (d deadLetters) Replay(ctx context.Context, ids []uint64) (int, error) {
	replayed := 0
	for _, id := range ids {
		letter, err := d.Get(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err == nil {
			err = validate(letter.Record)
		}
		if err == nil {
			_, _, err = d.log.append(ctx, letter.Record, "replay-"+strconv.FormatUint(id, 10))
		}
		if err == nil {
			err = d.Delete(ctx, []uint64{id})
		}
		if err != nil {
			return replayed, fmt.Errorf("replay dead letter %d: %w", id, err)
		}
		replayed++
	}
	return replayed, nil
}

// Delete implements DeadLetters.
func (d deadLetters) Delete(ctx context.Context, ids []uint64) error {
	s, err := d.log.js.Stream(ctx, deadStreamName)
	if err != nil {
		return fmt.Errorf("delete dead letters: %w", unavailable(err))
	}
	for _, id := range ids {
		err := s.DeleteMsg(ctx, id)
		// The server says the same of a letter that is gone and of a deletion that failed.
		if errors.Is(err, jetstream.ErrMsgNotFound) || errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			if _, getErr := d.Get(ctx, id); errors.Is(getErr, ErrNotFound) {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("delete dead letter %d: %w", id, err)
		}
	}
	return nil
}
