package embed

import (
	"context"
	"time"
)

// RecordWaits has the endpoint note the waits between attempts and not wait.
func (e *Endpoint) RecordWaits() *[]time.Duration {
	waits := &[]time.Duration{}
	e.wait = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return waits
}

// BreakAfter, BatchTexts and FirstWait are what the endpoint goes by.
const (
	BreakAfter = breakAfter
	BatchTexts = batchTexts
	BatchBytes = batchBytes
	FirstWait  = firstWait
)

// CacheLen is how many vectors the cache holds.
func (e *Endpoint) CacheLen() int { return len(e.cache.at) }

// ReadAnswer is readAnswer.
var ReadAnswer = readAnswer
