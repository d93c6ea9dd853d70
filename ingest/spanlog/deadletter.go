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

// MaxPayload implements DeadLetters. The server's own limit may have been lowered since Open.
func (d deadLetters) MaxPayload() int {
	return max(0, min(d.log.opts.MaxPayloadBytes, int(d.log.conn.MaxPayload())-headerHeadroom))
}

// Put implements DeadLetters. The origin is the subject, and the server stores it only if the
// subject is empty; so putting twice is known for ever, not just within a window. The stream's
// identity is part of it: positions begin again when the stream is made anew.
func (d deadLetters) Put(ctx context.Context, letter DeadLetter) error {
	if !readerName.MatchString(letter.Reader) || letter.Seq == 0 {
		return fmt.Errorf("put dead letter: %w: reader %q and position %d must name its origin", ErrInvalid, letter.Reader, letter.Seq)
	}
	reason := clip(letter.Reason, maxReasonBytes)
	seq := strconv.FormatUint(letter.Seq, 10)
	if size := len(letter.Payload); size > d.MaxPayload() {
		d.log.metrics.refused.WithLabelValues("too_large").Inc()
		return fmt.Errorf("put dead letter of position %d: %w", letter.Seq, &TooLargeError{size, d.MaxPayload()})
	}
	msg := &nats.Msg{Subject: deadPrefix + letter.Reader + "." + d.log.identity + "." + seq, Header: nats.Header{}, Data: letter.Payload}
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

// letterConsumerIdle removes the consumer of a List whose process died.
const letterConsumerIdle = time.Minute

// List implements DeadLetters. It asks for headers only: a page of payloads could be gigabytes.
func (d deadLetters) List(ctx context.Context, after uint64, limit int) ([]DeadLetter, error) {
	if limit = min(limit, MaxDeadLetterPage); limit <= 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	consumer, err := d.log.js.CreateConsumer(ctx, deadStreamName, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: letterConsumerIdle,
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", unavailable(err))
	}
	defer func() {
		// A consumer that could not be deleted goes by itself.
		_ = d.log.js.DeleteConsumer(context.WithoutCancel(ctx), deadStreamName, consumer.CachedInfo().Name)
	}()
	batch, err := consumer.FetchNoWait(limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", unavailable(err))
	}
	var letters []DeadLetter
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		letter := readLetter(meta.Sequence.Stream, m.Headers(), nil)
		letter.PutAt = meta.Timestamp.UTC()
		letter.PayloadBytes, _ = strconv.Atoi(m.Headers().Get(nats.MsgSize))
		letters = append(letters, letter)
	}
	if err := batch.Error(); err != nil {
		return nil, fmt.Errorf("list dead letters: %w", unavailable(err))
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
		header := msgs[0].Header
		found, err := strconv.ParseUint(header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return DeadLetter{}, fmt.Errorf("get dead letter %d: decode its id: %w", id, err)
		}
		if found == id {
			letter := readLetter(id, header, msgs[0].Data)
			letter.PutAt, _ = time.Parse(time.RFC3339Nano, header.Get(jetstream.TimeStampHeaer))
			letter.PayloadBytes = len(letter.Payload)
			return letter, nil
		}
	}
	return DeadLetter{}, fmt.Errorf("get dead letter %d: %w", id, ErrNotFound)
}

// readLetter reads what it can: the record may be dead because of its headers.
func readLetter(id uint64, h nats.Header, payload []byte) DeadLetter {
	letter := DeadLetter{
		ID: id, Reader: h.Get(headerReader), Reason: h.Get(headerReason), Error: h.Get(headerError),
	}
	letter.Record, _ = readHeader(h, payload)
	letter.Seq, _ = strconv.ParseUint(h.Get(headerSeq), 10, 64)
	return letter
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
