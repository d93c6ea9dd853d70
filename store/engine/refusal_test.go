package engine

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestFullQueueIsRefused: typed, and told apart from a failure by its status.
func TestFullQueueIsRefused(t *testing.T) {
	t.Parallel()
	f := &front{pool: &pool{slots: make(chan struct{})}, ctx: t.Context()}
	f.pool.queued.Store(maxQueued)
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("SELECT 1")))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get(headerCode) != "202" {
		t.Errorf("status %d, code %s: %s", w.Code, w.Header().Get(headerCode), w.Body)
	}
	if f.pool.refused.Load() != 1 || f.pool.queued.Load() != maxQueued {
		t.Errorf("refused %d, queued %d", f.pool.refused.Load(), f.pool.queued.Load())
	}
}

func TestLinesOfTheEngine(t *testing.T) {
	t.Parallel()
	const head = "2026.11.24 04:56:29.692327 [ 11587 ] {} <"
	for _, c := range []struct {
		line  string
		keep  bool
		level slog.Level
	}{
		{head + "Error> MergeTask: no space", true, slog.LevelError},
		{head + "Warning> MergeTask: slow", true, slog.LevelWarn},
		{head + "Trace> MergeTask: chat", false, 0},
		{head + "Fatal> ThreadStatus: current_thread contains invalid address", true, slog.LevelDebug},
		{head + "Fatal> ThreadStatus: another thing", true, slog.LevelError},
		{head + "Warning> BackgroundSchedulePool/BgSchPool: Temporarily pause scheduling of tasks with id 1", true, slog.LevelDebug},
		{head + "Warning> default.tk (ad19d7d9-0a45): Removing temporary directory /x/tmp_insert_1/", true, slog.LevelDebug},
		{"0. ? @ 0x000000001c8fa4b3", false, 0},
		{"", false, 0},
		{"panic: runtime error", true, slog.LevelWarn},
	} {
		keep, level := readLine(c.line)
		if keep != c.keep || keep && level != c.level {
			t.Errorf("%q: %v, %v", c.line, keep, level)
		}
	}
	seen := make(repeats)
	if seen.again(head+"Error> x") || !seen.again(head+"Error> x") || seen.again("panic") || seen.again("panic") {
		t.Error("repeats of the engine's own lines are told apart from other lines")
	}
}
