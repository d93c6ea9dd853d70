package spanlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// clusterReplicas is how many servers of a cluster keep each record where nothing else is said: one
// may die and the others still agree.
const clusterReplicas = 3

// stream is one stream that the log needs, and what it would lose if it were made otherwise.
type stream struct {
	jetstream.StreamConfig
	// keeps says what the stream keeps, for people.
	keeps string
	// largest is the largest message, headers included, or 0 where small ones are enough.
	largest int
}

func (l *log) streams() []stream {
	o := l.opts
	largest := o.MaxPayloadBytes + headerHeadroom
	list := []stream{
		{jetstream.StreamConfig{
			Name: streamName, Subjects: []string{subjectPrefix + ">"}, MaxBytes: o.MaxBytes,
			Duplicates: o.Duplicates, Description: "requests as they were received",
		}, "acknowledged requests", largest},
		{jetstream.StreamConfig{
			Name: deadStreamName, Subjects: []string{deadPrefix + ">"}, MaxBytes: o.MaxDeadLetterBytes,
			Description: "records that could not be processed",
		}, "acknowledged requests that could not be read", largest},
	}
	for i := range list {
		c := &list[i]
		c.Storage, c.Retention, c.Discard = jetstream.FileStorage, jetstream.LimitsPolicy, jetstream.DiscardNew
		c.AllowDirect, c.Replicas = true, o.Replicas
	}
	return list
}

// ensureStreams creates what is missing. An embedded stream follows the settings; on an external
// server the operator's stream stays as it is, and is refused if it could lose records.
func (l *log) ensureStreams(ctx context.Context) error {
	for _, want := range l.streams() {
		s, err := l.js.Stream(ctx, want.Name)
		switch {
		case err == nil && l.server == nil:
			if err := want.check(s.CachedInfo().Config); err != nil {
				return err
			}
		case err == nil || errors.Is(err, jetstream.ErrStreamNotFound):
			if s, err = l.js.CreateOrUpdateStream(ctx, want.StreamConfig); err != nil {
				return l.createError(want.Name, err)
			}
		default:
			return fmt.Errorf("look up log stream %s: %w", want.Name, err)
		}
		if want.Name == streamName {
			l.identity = identity(s.CachedInfo())
		}
	}
	return l.ensureReaders(ctx)
}

func (l *log) createError(name string, err error) error {
	if l.opts.Replicas > 1 {
		return fmt.Errorf("create log stream %s with %d replicas: %w; on a smaller cluster set fewer (--nats-replicas)", name, l.opts.Replicas, err)
	}
	return fmt.Errorf("create log stream %s: %w", name, err)
}

func (l *log) ensureReaders(ctx context.Context) error {
	kv, err := l.js.KeyValue(ctx, readerBucket)
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound):
		if kv, err = l.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: readerBucket, History: 1, Storage: jetstream.FileStorage, Replicas: l.opts.Replicas,
			Description: "positions and intents of the log's readers",
		}); err != nil {
			return l.createError("KV_"+readerBucket, err)
		}
	case err != nil:
		return fmt.Errorf("open reader positions: %w", err)
	case l.server == nil:
		s, err := l.js.Stream(ctx, "KV_"+readerBucket)
		if err != nil {
			return fmt.Errorf("open reader positions: %w", err)
		}
		c := s.CachedInfo().Config
		if err := errors.Join(lasting(c, "the readers' positions")...); err != nil {
			return fmt.Errorf("use bucket %s: %w", readerBucket, err)
		}
	}
	l.readers = kv
	return nil
}

// identity names a stream for as long as it lives: a stream that was deleted and made again has
// another one, one that was restored from a backup keeps it.
func identity(info *jetstream.StreamInfo) string {
	return strconv.FormatInt(info.Created.UnixNano(), 36)
}

// check says what is wrong with an operator's stream, all of it, and what to change.
func (s stream) check(have jetstream.StreamConfig) error {
	errs := lasting(have, s.keeps)
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(slices.Contains(have.Subjects, s.Subjects[0]), "its subjects are %q: add %q, or nothing reaches it", have.Subjects, s.Subjects[0])
	must(have.Discard == jetstream.DiscardNew, "discard is %q: make it \"new\", or a full stream throws %s away", have.Discard, s.keeps)
	must(have.MaxMsgsPerSubject <= 0, "max_msgs_per_subject is %d: make it -1, or the server removes %s", have.MaxMsgsPerSubject, s.keeps)
	must(have.AllowDirect, "allow_direct is off: switch it on, readers need it")
	must(have.MaxMsgSize <= 0 || int(have.MaxMsgSize) >= s.largest,
		"max_msg_size is %d bytes: make it %d or -1, or large requests are refused (or lower --max-request)", have.MaxMsgSize, s.largest)
	must(s.Duplicates == 0 || have.Duplicates >= s.Duplicates,
		"the duplicate window is %s: make it %s, or retried requests are stored twice (or lower --duplicate-window)", have.Duplicates, s.Duplicates)
	must(!have.DenyPurge && !have.DenyDelete, "deny_purge or deny_delete is on: switch them off, or what was read is never removed")
	must(!have.NoAck, "no_ack is on: switch it off, or nothing is ever acknowledged")
	must(have.Mirror == nil && !have.Sealed, "it is a mirror or sealed: nothing can be appended to it")
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("use log stream %s: %w", s.Name, errors.Join(errs...))
}

// lasting says what makes a stream lose what it holds.
func lasting(have jetstream.StreamConfig, keeps string) (errs []error) {
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	must(have.Storage == jetstream.FileStorage, "storage is %q: make the stream again with \"file\", or a restart loses %s", have.Storage, keeps)
	must(have.PersistMode == jetstream.DefaultPersistMode, "persist_mode is %q: make the stream again with the default, or a crash loses %s", have.PersistMode, keeps)
	must(have.Retention == jetstream.LimitsPolicy, "retention is %q: make it \"limits\", or the server removes %s on its own", have.Retention, keeps)
	must(have.MaxAge == 0, "max_age is %s: make it 0, or the server removes %s by their age", have.MaxAge.Round(time.Millisecond), keeps)
	return errs
}
