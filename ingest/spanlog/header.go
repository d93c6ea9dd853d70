package spanlog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// Headers of a stored record; the payload is the message body.
const (
	headerSignal     = "Tm-Signal"
	headerProject    = "Tm-Project" // URL query escaped, because headers are lines
	headerReceivedAt = "Tm-Received-At"
	headerRejected   = "Tm-Rejected"
)

// contentID is the identity of a request: SHA-256 over signal, project and payload. A weaker hash
// would let one sender forge a collision that makes the log drop another's request as a copy.
func contentID(r Record) string {
	h := sha256.New()
	var n [8]byte
	for _, s := range []string{string(r.Signal), r.Project} {
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	h.Write(r.Payload)
	return hex.EncodeToString(h.Sum(nil))
}

func validate(r Record) error {
	switch {
	case !r.Signal.Valid():
		return fmt.Errorf("append record: %w: signal %q is not one of traces, logs", ErrInvalid, r.Signal)
	case len(r.Project) > MaxProjectBytes || !utf8.ValidString(r.Project):
		return fmt.Errorf("append record: %w: project must be UTF-8 of at most %d bytes", ErrInvalid, MaxProjectBytes)
	}
	return nil
}

func writeHeader(h nats.Header, r Record) {
	h.Set(headerSignal, string(r.Signal))
	h.Set(headerProject, url.QueryEscape(r.Project))
	h.Set(headerReceivedAt, strconv.FormatInt(r.ReceivedAt.UnixNano(), 10))
	h.Set(headerRejected, strconv.FormatUint(uint64(r.Rejected), 10))
}

// readHeader fills a record as far as it can and says what it could not read.
func readHeader(h nats.Header, payload []byte) (Record, error) {
	r := Record{Payload: payload}
	var errs []error
	if s := Signal(h.Get(headerSignal)); s.Valid() {
		r.Signal = s
	} else {
		errs = append(errs, fmt.Errorf("read header %s: %q is no signal", headerSignal, string(s)))
	}
	if p, err := url.QueryUnescape(h.Get(headerProject)); err == nil && utf8.ValidString(p) && len(p) <= MaxProjectBytes {
		r.Project = p
	} else {
		errs = append(errs, fmt.Errorf("read header %s: not an escaped project name", headerProject))
	}
	if ns, err := strconv.ParseInt(h.Get(headerReceivedAt), 10, 64); err == nil {
		r.ReceivedAt = time.Unix(0, ns).UTC()
	} else {
		errs = append(errs, fmt.Errorf("read header %s: %w", headerReceivedAt, err))
	}
	if n, err := strconv.ParseUint(h.Get(headerRejected), 10, 32); err == nil {
		r.Rejected = uint32(n)
	} else {
		errs = append(errs, fmt.Errorf("read header %s: %w", headerRejected, err))
	}
	return r, errors.Join(errs...)
}

// clip cuts s to n bytes at a rune boundary and makes it one line.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	s = strings.ToValidUTF8(s, "")
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}
