package spanlog

import (
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
	if o.Replicas == 0 {
		l.opts.Replicas = 1
		if l.server == nil && conn.ConnectedClusterName() != "" {
			l.opts.Replicas = clusterReplicas
		}
	}
	if l.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	return nil
}
