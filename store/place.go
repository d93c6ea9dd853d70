package store

import (
	"time"

	"github.com/tiltmeter/tiltmeter/genai"
)

const (
	// aheadOfArrival is how far the clock of a sender may be ahead of ours.
	aheadOfArrival = 24 * time.Hour
	// maxTime ends the times that the engine's hours can hold.
	maxTime = 3944678400 * int64(time.Second) // 2095-01-01: with the longest TTL still before 2106
)

// arrival is when rows came, and between which times they may lie.
type arrival struct{ at, oldest, newest int64 }

// Came says of the rows that are added from now on when they were received, and for how many days
// they are kept. A row is stored under the time that its sender gave, which decides its partition, its
// place in the order key and when it expires, if that lies between the beginning of what is kept
// and a day after its arrival. Else it is stored under its arrival: a time of zero, a clock that is
// years ahead or a trace from last year is found among what came with it, does not expire as it
// comes in, and gives no insert a partition of its own. What was sent is shown either way. Rows whose arrival
// nobody told stay where their times put them.
//
// The same times and days give the same rows: a caller that repeats rows under a token MUST
// repeat these too.
func (b *Batch) Came(received time.Time, days int) {
	at, _ := clamp(received)
	b.arrival = arrival{
		at: at, oldest: max(0, at-int64(days)*int64(24*time.Hour)), newest: min(maxTime, at+int64(aheadOfArrival)),
	}
}

// place is the time under which a row is stored, and whether that is another one than was sent.
func (b *Batch) place(sent time.Time) (nanos int64, moved bool) {
	nanos, clamped := clamp(sent)
	switch a := &b.arrival; {
	case a.at == 0: // nobody told
		moved = clamped
	case clamped || nanos < a.oldest || nanos > a.newest:
		nanos, moved = a.at, true
	}
	if moved {
		b.s.metrics.movedTimes.Inc()
	}
	return nanos, moved
}

// duration is that of a span that is stored at start. One that was moved there keeps its length if
// it has one: between a time of zero and now lie 56 years that nothing took.
func duration(s *genai.Span, start int64, moved bool) int64 {
	switch {
	case !moved:
		return clampNano(s.End) - start
	case s.Start.IsZero() || s.End.IsZero():
		return 0
	}
	return min(int64(s.End.Sub(s.Start)), maxTime-start)
}

// warnMoved is what a span says of itself that is not stored under its own start.
var warnMoved = genai.Warning{
	Code: genai.WarnTimeImplausible, Field: "start",
	Text: "the start is zero, older than what is kept or in the future: listed under the time of arrival",
}

func clampNano(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s >= maxTime/int64(time.Second):
		return maxTime
	}
	return t.UnixNano()
}

func clamp(t time.Time) (nanos int64, clamped bool) {
	n := clampNano(t)
	return n, !time.Unix(0, n).Equal(t)
}

// wireNano is the time as OTLP has it: unsigned, until the year 2554, and 0 where none was given.
func wireNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()*int64(time.Second) + int64(t.Nanosecond()) // wraps as the bits of the unsigned number do
}

// sentTime is the time of wireNano.
func sentTime(n int64) time.Time {
	u := uint64(n)                                                                     //nolint:gosec // bits
	return time.Unix(int64(u/uint64(time.Second)), int64(u%uint64(time.Second))).UTC() //nolint:gosec // both quotients fit
}

func dayOf(nanos int64) uint16 { return uint16(nanos / int64(24*time.Hour)) } //nolint:gosec // clamped to 2095
