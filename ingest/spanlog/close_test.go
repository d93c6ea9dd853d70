package spanlog

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"
)

// TestCloseLeavesNoGoroutine runs before the parallel tests, so every goroutine that is not there
// at its start is the log's.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	l, err := open(context.Background(), Options{Dir: t.TempDir(), MinFreeBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	r := mustReader(t, l, "writer")
	mustAppend(t, l, record(1, 100))
	waiting := make(chan error)
	go func() {
		_, err := r.Fetch(context.Background(), 2, 1, 1)
		waiting <- err
	}()
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("fetch of a log that was closed: %v", err)
	}
	if _, _, err := l.Append(context.Background(), record(2, 100)); !errors.Is(err, ErrClosed) {
		t.Errorf("append to a log that was closed: %v", err)
	}
	goleak.VerifyNone(t, before)
}
