// Package spanlog is the durable log between ingest and everything behind it, on NATS JetStream.
//
// Append returns after the bytes are on disk; ingest answers the exporter on that return and
// never before. A request that is sent again within the duplicate window is recognised by its
// content and not stored twice. Readers are durable, registered by name, and each has its own
// position; nothing is removed before every registered reader has committed it.
// A full log or a full disk is a retryable error with a delay, never loss.
//
// It knows bytes and a content hash. It does not know what a span is.
package spanlog

import (
	"context"
	"encoding/json"
	"time"
)

// Signal says what the payload of a record is.
type Signal string

// The signals that the log carries.
const (
	// SignalTraces is an OTLP ExportTraceServiceRequest.
	SignalTraces Signal = "traces"
	// SignalLogs is an OTLP ExportLogsServiceRequest.
	SignalLogs Signal = "logs"
)

// Valid reports whether s is a signal that the log carries.
func (s Signal) Valid() bool { return s == SignalTraces || s == SignalLogs }

// Record is one accepted request as the log stores it.
type Record struct {
	Signal Signal
	// Project that the key of the request belongs to; at most MaxProjectBytes bytes of UTF-8.
	Project string
	// ReceivedAt is when ingest had read the request; nanoseconds are kept, the zone is UTC.
	ReceivedAt time.Time
	// Rejected is how many items of the payload the validating walk refused. It is information
	// for people; a reader that walks the same bytes refuses the same items.
	Rejected uint32
	// Payload is the protobuf of the request, uncompressed, exactly as it was validated.
	Payload []byte
}

// MaxProjectBytes bounds a project name, bytes: it travels in a header of every record.
const MaxProjectBytes = 256

// Entry is a record with its place in the log.
type Entry struct {
	Record
	// Seq is the position, starting at 1 and rising; positions may be missing.
	Seq uint64
	// Err is set when the stored headers cannot be read. Payload is then still what was stored,
	// the other fields of Record are zero where they could not be read. A reader SHOULD put
	// such an entry into the dead letters and go on.
	Err error
}

// Log is the durable log. Every method is safe for concurrent use.
type Log interface {
	// Append stores r and returns its position. A nil error means the bytes are on disk (or, with
	// an external cluster, on the disks of a quorum). duplicate reports that the same signal,
	// project and payload are in the log already, appended within the duplicate window: nothing
	// was written, and seq is the position of the first copy.
	// Append MUST NOT keep or change r.Payload after it returns. Callers MAY repeat the call after
	// any error: when the first attempt did reach the disk the log drops the copy.
	// Errors: ErrFull, ErrDisk, ErrUnavailable (retryable, see RetryAfter), ErrTooLarge and
	// ErrInvalid (permanent), ErrClosed.
	Append(ctx context.Context, r Record) (seq uint64, duplicate bool, err error)

	// Register makes a durable reader known, so that nothing it has not committed is removed.
	// It is idempotent: a reader that is registered keeps its position, whatever from says.
	Register(ctx context.Context, name string, from StartAt) error
	// Unregister forgets a reader and its position. Records that only it needed may be removed.
	Unregister(ctx context.Context, name string) error
	// Reader opens a registered reader; ErrNotRegistered otherwise. If the stream was deleted and made
	// again on an external server since, the reader begins anew at the stream's first record. One process at a time works
	// under a name: a second one makes the next Begin or Commit of the first fail with ErrFenced.
	Reader(ctx context.Context, name string) (Reader, error)

	// DeadLetters returns the store of records that could not be processed.
	DeadLetters() DeadLetters

	// Status describes the log and its readers.
	Status(ctx context.Context) (Status, error)

	// Close stops background work, closes readers and, if embedded, the server. It waits for
	// running appends to end. It is idempotent.
	Close() error
}

// StartAt is where a new reader begins.
type StartAt int

const (
	// StartFirst begins with the oldest record that the log still has.
	StartFirst StartAt = iota
	// StartNew begins with the first record appended after the registration.
	StartNew
)

// Reader reads the log in order and keeps a durable position.
//
// The exactly-once protocol: after start, if Pending is not nil, fetch its range with Range and
// repeat the insert with its token, then Commit. Then, for ever: Fetch from Position+1, choose
// the range, Begin (durable before it returns), insert with the token, Commit.
// A Reader is for one goroutine at a time, except Fetch and Range, which MAY run beside the others.
type Reader interface {
	// Name is the name it was registered under.
	Name() string
	// Position is the last committed position; everything up to it is done. Zero: nothing yet.
	Position() uint64
	// Fetch returns records from position fromSeq on, in order, skipping positions that no longer
	// exist, until maxRecords or maxBytes of payload are reached. It returns at least one record,
	// however large, and waits for the first one until ctx is done (then ctx.Err()).
	// It does not wait for more once it has one. While the log is unavailable it waits, too; after
	// Close it is ErrClosed, and ErrReplaced when the stream is not the one it was.
	Fetch(ctx context.Context, fromSeq uint64, maxRecords, maxBytes int) ([]Entry, error)
	// Range calls each for every record in [first, last], in order, and returns when all were
	// visited. It never waits for new records and skips positions that no longer exist. The same
	// range gives the same records every time until it is committed. An error of each ends it.
	Range(ctx context.Context, first, last uint64, each func(Entry) error) error
	// Begin records what is about to be done; it is on disk when Begin returns. First MUST be
	// above Position and Last at or above First. Beginning again replaces the intent only if
	// First, Last and Token are the same (another attempt); otherwise ErrPending.
	Begin(ctx context.Context, in Intent) error
	// Pending returns the intent that was begun and not committed, or nil.
	Pending(ctx context.Context) (*Intent, error)
	// Commit makes in.Last the position and clears the intent, in one durable step. The intent
	// MUST be the pending one (First, Last, Token); ErrPending otherwise. Committing what is
	// committed already (in.Last at or below Position, nothing pending) is no error.
	Commit(ctx context.Context, in Intent) error
}

// Intent is what a reader is about to do: the range it will insert and the token it inserts with.
type Intent struct {
	// First and Last are positions, both included.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Token is the deduplication token of the insert.
	Token string `json:"token"`
	// Attempt counts from 1; the caller raises it when it repeats a range.
	Attempt uint32 `json:"attempt,omitempty"`
	// Extra is the reader's own small JSON, at most MaxIntentExtraBytes.
	Extra json.RawMessage `json:"extra,omitempty"`
}

// MaxIntentExtraBytes bounds Intent.Extra, bytes: it is written with an fsync before every insert.
const MaxIntentExtraBytes = 64 << 10

// DeadLetters keeps records that a reader could not process, until a person decides.
// It is bounded by a setting; Put into a full store is ErrFull and the reader waits: a record is
// never dropped to make room for another.
type DeadLetters interface {
	// Put stores d durably. d.Reader and d.Seq name the origin; putting the same origin again is
	// no error and changes nothing, so that a reader may repeat a range after a crash. A payload above
	// MaxPayload is a *TooLargeError, which no repetition mends: it must be split.
	Put(ctx context.Context, d DeadLetter) error
	// MaxPayload is the largest payload that Put takes, bytes.
	MaxPayload() int
	// List returns at most limit letters with ID above after, oldest first. Their payloads are left
	// out, PayloadBytes says how large they are; limit is capped at MaxDeadLetterPage.
	List(ctx context.Context, after uint64, limit int) ([]DeadLetter, error)
	// Get returns one letter, or ErrNotFound.
	Get(ctx context.Context, id uint64) (DeadLetter, error)
	// Replay appends the letters' records to the log again, each as a new record even if the
	// original is within the duplicate window, and then removes them. It returns how many it
	// replayed; letters that do not exist are skipped. A crash in between does not replay twice
	// if Replay is repeated within the duplicate window.
	Replay(ctx context.Context, ids []uint64) (int, error)
	// Delete removes letters; those that do not exist are skipped.
	Delete(ctx context.Context, ids []uint64) error
}

// MaxDeadLetterPage is the most letters that List returns: their headers are held in memory.
const MaxDeadLetterPage = 100

// DeadLetter is a record that could not be processed, and why.
type DeadLetter struct {
	// ID is given by Put.
	ID uint64
	// Reader and Seq say where it came from.
	Reader string
	Seq    uint64
	// Reason is a short word for counting, such as "decode"; Error is for people, and is cut to
	// MaxDeadLetterErrorBytes.
	Reason string
	Error  string
	// PutAt is when it became a dead letter; Put sets it.
	PutAt time.Time
	// PayloadBytes is the size of the payload; List and Get set it.
	PayloadBytes int
	Record
}

// MaxDeadLetterErrorBytes bounds the error text, bytes: it travels in a header.
const MaxDeadLetterErrorBytes = 2 << 10

// Status describes the log at one moment.
type Status struct {
	// Messages and Bytes are what the log holds now, headers included.
	Messages uint64
	Bytes    uint64
	MaxBytes int64
	// FirstSeq and LastSeq are the oldest and newest positions; LastSeq stays when all is trimmed.
	FirstSeq uint64
	LastSeq  uint64
	// DiskFreeBytes is what the file system of the log has left; -1 with an external server.
	DiskFreeBytes int64
	MinFreeBytes  int64
	DeadLetters   uint64
	// Accepting is false while appends are refused; Refusing then says why.
	Accepting bool
	Refusing  string
	Readers   []ReaderStatus
}

// ReaderStatus is how far a reader is.
type ReaderStatus struct {
	Name string
	// Position is the last committed position.
	Position uint64
	// Pending is how many positions lie after it, an upper bound of the records.
	Pending uint64
	// Lag is the age of the oldest record that is not committed; zero if there is none.
	Lag time.Duration
}
