package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store"
)

// defaultWindow is the time range of a request that names no start.
const defaultWindow = 24 * time.Hour

// window is the time range of a request, resolved.
type window struct{ from, to time.Time }

// resolveWindow reads start_time and end_time: inclusive and exclusive.
func resolveWindow(start, end *timestamppb.Timestamp, now time.Time) (window, error) {
	w := window{to: now}
	if end != nil {
		if err := end.CheckValid(); err != nil {
			return window{}, invalid("end_time", "end_time is no time: %v", err)
		}
		w.to = end.AsTime()
	}
	w.from = w.to.Add(-defaultWindow)
	if start != nil {
		if err := start.CheckValid(); err != nil {
			return window{}, invalid("start_time", "start_time is no time: %v", err)
		}
		w.from = start.AsTime()
	}
	if !representable(w.from) {
		return window{}, invalid("start_time", "start_time must lie between 1970 and 2262")
	}
	if !representable(w.to) {
		return window{}, invalid("end_time", "end_time must lie between 1970 and 2262")
	}
	if !w.from.Before(w.to) {
		return window{}, invalid("start_time", "start_time must lie before end_time")
	}
	return w, nil
}

// representable reports whether the time fits nanoseconds since 1970 in 63 bits.
func representable(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 2262 }

// A page token is base64url of: version, fingerprint of the query, window and place. The window is
// in it because "until now" must mean the same moment on every page.
const (
	tokenVersion     = 1
	fingerprintBytes = 8
	tokenBytes       = 1 + fingerprintBytes + 3*8 + 16
)

// query is what a page token is bound to: the same list asked for in the same way.
type query struct {
	method, project string
	start, end      *timestamppb.Timestamp
	filter          []string
	words           string
}

func (q query) fingerprint() [fingerprintBytes]byte {
	var b strings.Builder
	for _, s := range append([]string{q.method, q.project, q.start.String(), q.end.String(), q.words}, q.filter...) {
		b.WriteString(strconv.Itoa(len(s)))
		b.WriteByte(':')
		b.WriteString(s)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return [fingerprintBytes]byte(sum[:])
}

// encodeToken returns "" for the zero cursor: there is no further page.
func encodeToken(q query, w window, at store.Cursor) string {
	if at.IsZero() {
		return ""
	}
	fp := q.fingerprint()
	b := append(make([]byte, 0, tokenBytes), tokenVersion)
	b = append(b, fp[:]...)
	for _, t := range []time.Time{w.from, w.to, at.Start} {
		b = binary.BigEndian.AppendUint64(b, uint64(t.UnixNano()))
	}
	b = append(b, at.TraceID[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeToken returns the window and place of a token that was made for this query.
func decodeToken(token string, q query) (window, store.Cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenBytes || b[0] != tokenVersion {
		return window{}, store.Cursor{}, invalid("page_token", "page_token is not one that this server gave out")
	}
	b = b[1:]
	if [fingerprintBytes]byte(b[:fingerprintBytes]) != q.fingerprint() {
		return window{}, store.Cursor{}, invalid("page_token", "page_token belongs to another request: repeat the one that it came from")
	}
	b = b[fingerprintBytes:]
	var times [3]time.Time
	for i := range times {
		times[i] = time.Unix(0, int64(binary.BigEndian.Uint64(b[8*i:]))).UTC() //nolint:gosec // inverse of encodeToken
		if !representable(times[i]) {
			return window{}, store.Cursor{}, invalid("page_token", "page_token is not one that this server gave out")
		}
	}
	at := store.Cursor{Start: times[2], TraceID: genai.TraceID(b[24:])}
	w := window{from: times[0], to: times[1]}
	if at.IsZero() || !w.from.Before(w.to) {
		return window{}, store.Cursor{}, invalid("page_token", "page_token is not one that this server gave out")
	}
	return w, at, nil
}

// pageSize applies the bounds of a page.
func pageSize(n int32) (int, error) {
	return bounded("page_size", n, store.DefaultPage, store.MaxPage, ": ask for the next page with page_token")
}

// bounded is a number of a request, or unset when it is 0. hint says what to do instead of asking for more than most.
func bounded(field string, n int32, unset, most int, hint string) (int, error) {
	switch {
	case n < 0:
		return 0, invalid(field, "%s is %d, but must not be negative", field, n)
	case n == 0:
		return unset, nil
	case int(n) > most:
		return 0, invalid(field, "%s is %d, but must be at most %d%s", field, n, most, hint)
	}
	return int(n), nil
}
