package api

import "time"

// Limits bound what one request may ask for and take. The zero value of a field means its default.
type Limits struct {
	RequestTime       time.Duration // of a request that is not a stream, from its header to its answer
	RequestBytes      int64         // of a request's body
	ResponseBytes     int           // of one answer over gRPC, and of the gateway's own call
	Filters           int           // of one request
	FilterBytes       int           // of one filter
	QueryBytes        int           // of the words to search for
	ConversationMax   int           // spans with content that one conversation is read from
	ConversationBytes int64         // of different texts in it
	ReadingSources    int           // attributes, events and log records that one account of a span has
	ReplayIDs         int           // dead letters named in one request
	TailBuffer        int           // traces that wait for one reader of the live tail
	TailReaders       int           // of the live tail at one time
	TailEvery         time.Duration // between two looks for new traces
	TailHeartbeat     time.Duration // between two signs of life on an idle tail
}

// The defaults, with their reasons.
const (
	// defaultRequestTime is above the time that a search over a month takes on a small machine.
	defaultRequestTime = 30 * time.Second
	// defaultRequestBytes: the largest request names dead letters; everything else is a few lines.
	defaultRequestBytes = 1 << 20
	// defaultResponseBytes holds a trace of 100,000 spans without content, with room to spare.
	defaultResponseBytes = 512 << 20
	// defaultFilters and defaultFilterBytes bound the statement that the filters become.
	defaultFilters     = 50
	defaultFilterBytes = 1024
	// defaultQueryBytes: longer texts are pasted by accident, and each word costs an index look-up.
	defaultQueryBytes = 512
	// defaultConversationMax and defaultConversationBytes keep the memory of one reader bounded: the
	// history of every step is read whole, each text of it once. 64 MiB are the text of twenty long novels.
	defaultConversationMax   = 2000
	defaultConversationBytes = 64 << 20
	// defaultReadingSources is above the attributes of the longest flattened history seen, and 2 MB of JSON.
	defaultReadingSources = 5000
	// defaultReplayIDs: "all" is said by naming none.
	defaultReplayIDs = 1000
	// defaultTailBuffer is what a browser tab can show when it wakes up.
	defaultTailBuffer = 256
	// defaultTailReaders bounds open connections that do nothing but wait.
	defaultTailReaders = 200
	// defaultTailEvery is the most that a look can be late; the store is filled about as often.
	defaultTailEvery = time.Second
	// defaultTailHeartbeat is below the idle time after which common proxies hang up (60 s).
	defaultTailHeartbeat = 15 * time.Second
)

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.RequestTime, defaultRequestTime)
	orDefault(&l.RequestBytes, defaultRequestBytes)
	orDefault(&l.ResponseBytes, defaultResponseBytes)
	orDefault(&l.Filters, defaultFilters)
	orDefault(&l.FilterBytes, defaultFilterBytes)
	orDefault(&l.QueryBytes, defaultQueryBytes)
	orDefault(&l.ConversationMax, defaultConversationMax)
	orDefault(&l.ConversationBytes, defaultConversationBytes)
	orDefault(&l.ReadingSources, defaultReadingSources)
	orDefault(&l.ReplayIDs, defaultReplayIDs)
	orDefault(&l.TailBuffer, defaultTailBuffer)
	orDefault(&l.TailReaders, defaultTailReaders)
	orDefault(&l.TailEvery, defaultTailEvery)
	orDefault(&l.TailHeartbeat, defaultTailHeartbeat)
	return l
}
