package spanlog

import (
	"errors"
	"fmt"
	"time"
)

// The errors of the log. Match with errors.Is; RetryAfter classifies them.
var (
	// ErrFull: the log (or the dead-letter store) has reached its byte limit. Retryable.
	ErrFull = errors.New("log is full")
	// ErrDisk: the disk has less than the reserved space left, or a write failed. Retryable.
	ErrDisk = errors.New("log disk is short of space or failing")
	// ErrUnavailable: the server did not answer in time; the outcome is unknown. Retryable.
	ErrUnavailable = errors.New("log is unavailable")
	// ErrTooLarge: the payload is above the limit. Permanent.
	ErrTooLarge = errors.New("record is too large")
	// ErrInvalid: the record or an argument breaks the contract. Permanent.
	ErrInvalid = errors.New("invalid")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("log is closed")
	// ErrNotRegistered: no reader of that name is registered.
	ErrNotRegistered = errors.New("reader is not registered")
	// ErrFenced: another process has moved the reader's state; this one must stop.
	ErrFenced = errors.New("reader is in use by another process")
	// ErrPending: another intent is pending, or the intent is not the pending one.
	ErrPending = errors.New("intent does not match the pending one")
	// ErrNotFound: no such dead letter.
	ErrNotFound = errors.New("not found")
	// ErrReplaced: on the external server the stream was deleted and made again while the log was
	// open. It is ErrClosed, too: only opening the log again helps. Readers then begin anew.
	ErrReplaced = fmt.Errorf("the log's stream was replaced by another, open the log again: %w", ErrClosed)
)

// Final reports whether an error is one that a reader meets again at every attempt: it is to stop, not to wait.
func Final(err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(err, ErrClosed) || errors.Is(err, ErrPending) || errors.Is(err, ErrInvalid)
}

// TooLargeError is an ErrTooLarge with its numbers, bytes of payload.
type TooLargeError struct{ Size, Max int }

// Error implements error.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("record of %d bytes: %v: the limit is %d bytes", e.Size, ErrTooLarge, e.Max)
}

// Unwrap makes it an ErrTooLarge.
func (e *TooLargeError) Unwrap() error { return ErrTooLarge }

// Suggested delays. A full log drains at the pace of the writer, which is seconds; a disk waits
// for merges or for people; an unavailable server is usually a restart of under a second.
const (
	retryFull        = 5 * time.Second
	retryDisk        = 15 * time.Second
	retryUnavailable = 2 * time.Second
)

// retryError is a retryable error with the delay that it suggests.
type retryError struct {
	class error
	after time.Duration
	text  string
}

func (e *retryError) Error() string { return e.text }
func (e *retryError) Unwrap() error { return e.class }

func retryable(class error, after time.Duration, format string, args ...any) error {
	return &retryError{class: class, after: after, text: fmt.Sprintf(format, args...)}
}

// RetryAfter reports whether err is worth another attempt, and after what delay.
func RetryAfter(err error) (time.Duration, bool) {
	if r, ok := errors.AsType[*retryError](err); ok {
		return r.after, true
	}
	return 0, false
}
