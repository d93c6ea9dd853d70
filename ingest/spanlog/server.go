package spanlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// serverStartTimeout bounds the recovery of the log's files at start.
	serverStartTimeout = 2 * time.Minute
	// serverMaxPendingBytes is what the server may hold for one slow connection; a fetch asks for
	// at most maxFetchBytes, plus one record.
	serverMaxPendingBytes = 256 << 20
)

// embedded is the NATS server in this process. It can be started again after a write error: a
// JetStream file store refuses every write after its first failed one until it is opened again.
type embedded struct {
	options *server.Options
	logger  *slog.Logger
	// onWriteError is called by the server's own goroutines, so it must not wait.
	onWriteError func(text string)

	// mu guards everything below.
	mu      sync.Mutex
	current *server.Server
}

func newEmbedded(o Options, onWriteError func(string)) *embedded {
	return &embedded{
		logger:       o.Logger,
		onWriteError: onWriteError,
		options: &server.Options{
			ServerName: "tiltmeter", DontListen: true, NoSigs: true,
			JetStream: true, StoreDir: o.Dir, SyncAlways: true, DisableJetStreamBanner: true,
			// The server derives its limit from free space at start, which would make a nearly
			// full disk refuse the streams that are there; the streams have limits of their own.
			JetStreamMaxStore:     1 << 50,
			JetStreamMaxMemory:    64 << 20,
			MaxPayload:            int32(o.MaxPayloadBytes + headerHeadroom), //nolint:gosec // at most 64 MiB
			MaxPending:            serverMaxPendingBytes,
			StreamMaxBufferedSize: 2 * DefaultMaxInFlightBytes,
			NoSystemAccount:       true,
		},
	}
}

// InProcessConn connects to whichever server is current; the client calls it to reconnect.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	s := e.current
	e.mu.Unlock()
	if s == nil {
		return nil, errors.New("connect to embedded log: not running")
	}
	return s.InProcessConn()
}

func (e *embedded) start() error {
	began := time.Now()
	opts := e.options.Clone()
	s, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("create embedded log server: %w", err)
	}
	s.SetLoggerV2(&serverLogger{logger: e.logger, onWriteError: e.onWriteError}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(serverStartTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("start embedded log server in %q: JetStream did not come up; see the log lines before", opts.StoreDir)
	}
	e.mu.Lock()
	e.current = s
	e.mu.Unlock()
	e.logger.Info("embedded log started", "dir", opts.StoreDir, "took", time.Since(began))
	return nil
}

func (e *embedded) stop() {
	e.mu.Lock()
	s := e.current
	e.current = nil
	e.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// serverLogger carries the server's lines to slog, and finds the write errors among them: after
// a failed write JetStream answers nobody (stream.go: "We don't want to respond back to the
// user"), so its error line is the only sign.
type serverLogger struct {
	logger       *slog.Logger
	onWriteError func(text string)
}

func (l *serverLogger) Noticef(format string, v ...any) {
	l.logger.Debug("log server", "text", fmt.Sprintf(format, v...))
}

func (l *serverLogger) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	level := slog.LevelWarn
	if strings.HasPrefix(text, "Maximum payloads over") { // a request is one message, on purpose
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "log server", "text", text)
	l.look(text)
}

func (l *serverLogger) Fatalf(format string, v ...any) { l.Errorf(format, v...) }

func (l *serverLogger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.logger.Error("log server", "text", text)
	l.look(text)
}

func (l *serverLogger) Debugf(string, ...any) {}
func (l *serverLogger) Tracef(string, ...any) {}

func (l *serverLogger) look(text string) {
	lower := strings.ToLower(text)
	for _, sign := range []string{"critical write error", "failed to store a msg", "no space left", "resources, will be disabled", "permission denied while writing"} {
		if strings.Contains(lower, sign) {
			l.onWriteError(text)
			return
		}
	}
}
