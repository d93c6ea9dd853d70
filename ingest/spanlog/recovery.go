package spanlog

import (
	"context"
	"time"
)

const (
	// recoverEvery is the pace of looking whether the disk has space again, and of further attempts.
	recoverEvery = 250 * time.Millisecond
	// recoverFreeBytes is the least that opening the log again needs: its own state files.
	recoverFreeBytes = 1 << 20
)

// markFailed notes a write error. Running appends end with ErrDisk; none of them was acknowledged.
func (l *log) markFailed(text string) {
	l.mu.Lock()
	l.unhealthy()
	l.mu.Unlock()
	select {
	case l.failed <- text:
	default:
	}
}

// recoverLoop opens the embedded log again after a write error, once the disk has space. The old
// server stays until then, so that readers go on. Opening again reads the last block from the
// disk: whatever was half written is cut off, everything acknowledged was synced before.
func (l *log) recoverLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case text := <-l.failed:
			l.opts.Logger.Error("log write failed, waiting for disk space", "error", text)
		}
		for !l.tryRecover(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(recoverEvery):
			}
		}
	}
}

func (l *log) tryRecover(ctx context.Context) bool {
	if l.disk.freeBytes(time.Now()) < max(l.opts.MinFreeBytes, recoverFreeBytes) {
		return false
	}
	l.server.stop()
	select { // what the old server said is answered by this restart
	case <-l.failed:
	default:
	}
	if err := l.server.start(); err != nil {
		l.opts.Logger.Error("log could not be opened again", "error", err)
		return false
	}
	octx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for !l.conn.IsConnected() {
		select {
		case <-octx.Done():
			return false
		case <-time.After(reconnectWait / 10):
		}
	}
	if _, err := l.js.Stream(octx, streamName); err != nil {
		l.opts.Logger.Error("log could not be opened again", "error", err)
		return false
	}
	l.mu.Lock()
	l.healthy, l.unhealthy = context.WithCancel(ctx)
	l.mu.Unlock()
	l.metrics.recoveries.Inc()
	l.opts.Logger.Info("log accepts again")
	return true
}
