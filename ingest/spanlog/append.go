package spanlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Append implements Log.
func (l *log) Append(ctx context.Context, r Record) (uint64, bool, error) {
	if err := validate(r); err != nil {
		l.metrics.refused.WithLabelValues("invalid").Inc()
		return 0, false, err
	}
	return l.append(ctx, r, contentID(r))
}

func (l *log) append(ctx context.Context, r Record, id string) (uint64, bool, error) {
	began := time.Now()
	seq, duplicate, err := l.tryAppend(ctx, r, id)
	switch {
	case err != nil:
		l.metrics.refused.WithLabelValues(refusalReason(err)).Inc()
	case duplicate:
		l.metrics.duplicates.Inc()
	default:
		l.metrics.records.WithLabelValues(string(r.Signal)).Inc()
		l.metrics.bytes.WithLabelValues(string(r.Signal)).Add(float64(len(r.Payload)))
		l.metrics.seconds.Observe(time.Since(began).Seconds())
	}
	return seq, duplicate, err
}

func (l *log) tryAppend(ctx context.Context, r Record, id string) (uint64, bool, error) {
	size := len(r.Payload)
	if size > l.opts.MaxPayloadBytes {
		return 0, false, fmt.Errorf("append record, send smaller requests: %w", &TooLargeError{size, l.opts.MaxPayloadBytes})
	}
	msg := &nats.Msg{Subject: subjectPrefix + string(r.Signal), Header: nats.Header{}, Data: r.Payload}
	writeHeader(msg.Header, r)
	ack, err := l.publish(ctx, msg, size, jetstream.WithMsgID(id))
	if err != nil {
		return 0, false, err
	}
	return ack.Sequence, ack.Duplicate, nil
}

// publish stores one message on whichever stream takes its subject, and returns after the fsync.
func (l *log) publish(ctx context.Context, msg *nats.Msg, size int, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, fmt.Errorf("append record: %w", ErrClosed)
	}
	l.appends.Add(1)
	healthy := l.healthy
	l.mu.Unlock()
	defer l.appends.Done()

	if why := l.refusing(healthy); why != "" {
		return nil, retryable(ErrDisk, retryDisk, "append record: %s", why)
	}
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, l.opts.AppendTimeout)
	defer cancel()
	defer context.AfterFunc(healthy, cancel)()
	weight := int64(size) + 1
	weight = min(weight, l.opts.MaxInFlightBytes)
	if err := l.room.Acquire(ctx, weight); err != nil {
		return nil, l.publishError(outer, healthy, err)
	}
	defer l.room.Release(weight)
	ack, err := l.js.PublishMsg(ctx, msg, append(opts, jetstream.WithRetryAttempts(0))...)
	if err != nil {
		return nil, l.publishError(outer, healthy, err)
	}
	l.wakeReaders()
	return ack, nil
}

// refusing says why appends are refused now, or nothing.
func (l *log) refusing(healthy context.Context) string {
	if healthy.Err() != nil {
		return "a write to the log failed; it is opened again when the disk has space"
	}
	if free := l.disk.freeBytes(time.Now()); l.disk != nil && free < l.opts.MinFreeBytes {
		return fmt.Sprintf("the disk has %d bytes left and %d are reserved; free some space or lower the reserve", free, l.opts.MinFreeBytes)
	}
	return ""
}

// publishError classifies what stopped a publish. outer is the caller's context.
func (l *log) publishError(outer, healthy context.Context, err error) error {
	var api *jetstream.APIError
	switch {
	case healthy.Err() != nil:
		return retryable(ErrDisk, retryDisk, "append record: a write to the log failed; it is opened again when the disk has space")
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return err
	case errors.Is(err, nats.ErrMaxPayload), errors.As(err, &api) && api.ErrorCode == messageTooLarge:
		// The server's limit was lowered since the log was opened; no waiting mends that.
		return fmt.Errorf("append record: %w for the server: %w", ErrTooLarge, err)
	case errors.As(err, &api) && isFull(api):
		return retryable(ErrFull, retryFull, "append record: the log has reached its limit of bytes; its readers are behind")
	case outer.Err() != nil:
		return fmt.Errorf("append record: %w", outer.Err())
	default:
		return retryable(ErrUnavailable, retryUnavailable, "append record: the log did not answer: %v", err)
	}
}

// messageTooLarge is JetStream's code for a message above the stream's max_msg_size.
const messageTooLarge = 10054

// isFull recognises the ways in which JetStream says that there is no room: the stream's own
// limits (10077 with its text) and the account's or server's (10047).
func isFull(e *jetstream.APIError) bool {
	const storeFailed, noStorage = 10077, 10047
	return e.ErrorCode == noStorage || e.ErrorCode == storeFailed &&
		(e.Description == "maximum bytes exceeded" || e.Description == "maximum messages exceeded")
}
