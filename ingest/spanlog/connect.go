package spanlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reconnectWait is short because the usual reason is our own server being opened again.
const reconnectWait = 100 * time.Millisecond

func (l *log) connect() error {
	options := []nats.Option{
		nats.Name("tiltmeter"), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(0, 0), nats.IgnoreAuthErrorAbort(),
		// Nothing is buffered while disconnected: an append must fail, not wait in memory.
		nats.ReconnectBufSize(-1),
		// Each fetch subscribes anew, and the client's default queue is half a megabyte.
		nats.SyncQueueLen(maxFetchRecords + 1),
	}
	o := l.opts
	if l.server != nil {
		options = append(options, nats.InProcessServer(l.server))
	}
	if o.CredsFile != "" {
		options = append(options, nats.UserCredentials(o.CredsFile))
	}
	if o.TLSCAFile != "" {
		options = append(options, nats.RootCAs(o.TLSCAFile))
	}
	if o.TLSCertFile != "" {
		options = append(options, nats.ClientCert(o.TLSCertFile, o.TLSKeyFile))
	}
	conn, err := nats.Connect(o.URL, options...)
	if err != nil {
		return fmt.Errorf("connect to log at %q: %w", o.URL, err)
	}
	l.conn = conn
	if max := conn.MaxPayload(); max < int64(o.MaxPayloadBytes+headerHeadroom) {
		return fmt.Errorf("connect to log at %q: its max_payload is %d bytes; raise it to %d or lower max_payload_bytes", o.URL, max, o.MaxPayloadBytes+headerHeadroom)
	}
	if l.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	return nil
}

// ensureStreams creates what is missing. An embedded stream follows the settings; on an external
// server the operator's stream stays as it is.
func (l *log) ensureStreams(ctx context.Context) error {
	o := l.opts
	configs := []jetstream.StreamConfig{
		{
			Name: streamName, Subjects: []string{subjectPrefix + ">"}, MaxBytes: o.MaxBytes,
			Duplicates: o.Duplicates, Description: "requests as they were received",
		},
		{
			Name: deadStreamName, Subjects: []string{deadPrefix + ">"}, MaxBytes: o.MaxDeadLetterBytes,
			Description: "records that could not be processed",
		},
	}
	for _, c := range configs {
		c.Storage, c.Retention, c.Discard = jetstream.FileStorage, jetstream.LimitsPolicy, jetstream.DiscardNew
		c.AllowDirect, c.Replicas = true, o.Replicas
		if l.server == nil {
			if _, err := l.js.Stream(ctx, c.Name); err == nil {
				continue
			}
		}
		if _, err := l.js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("create log stream %s: %w", c.Name, err)
		}
	}
	kv, err := l.js.KeyValue(ctx, readerBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = l.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: readerBucket, History: 1, Storage: jetstream.FileStorage, Replicas: o.Replicas,
			Description: "positions and intents of the log's readers",
		})
	}
	if err != nil {
		return fmt.Errorf("open reader positions: %w", err)
	}
	l.readers = kv
	return nil
}
