package pricing

// Tier is a kind of unit that has a price of its own.
type Tier uint8

// The tiers. Prices of the first ten are for one token.
const (
	TierInput          Tier = iota // read, neither from nor into a cache
	TierOutput                     // generated, reasoning included unless it has a price of its own
	TierCacheRead                  // input that a cache held
	TierCacheWrite                 // input written to a cache for the vendor's shortest time (Anthropic: 5 minutes)
	TierCacheWrite1h               // input written to a cache for an hour
	TierInputAudio                 // audio input that no cache held
	TierOutputAudio                // audio output
	TierInputImage                 // image input that no cache held
	TierOutputImage                // image output
	TierReasoning                  // reasoning, where it costs other than output
	TierBatchInput                 // TierInput of a batch
	TierBatchOutput                // TierOutput of a batch
	TierBatchCacheRead             // TierCacheRead of a batch
	TierRequest                    // the call itself
	TierImage                      // one image
	TierSecond                     // one second of audio or video, or of computing
	numTiers
)

var tierNames = [numTiers]string{
	"input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio",
	"input_image", "output_image", "reasoning", "batch_input", "batch_output", "batch_cache_read",
	"per_request", "per_image", "per_second",
}

// String is the tier's column in a price book.
func (t Tier) String() string {
	if t < numTiers {
		return tierNames[t]
	}
	return "unknown"
}

// perToken reports whether the tier's unit is a token; books give those prices for a million.
func (t Tier) perToken() bool { return t < TierRequest }

// Rates are the prices of one model, by tier. A tier may have none, which is not zero.
type Rates struct {
	price [numTiers]Price
	set   uint32 // bit t: price[t] is known
}

// Get is the price of a tier; false when there is none.
func (r *Rates) Get(t Tier) (Price, bool) { return r.price[t], r.has(t) }

func (r *Rates) has(t Tier) bool { return r.set&(1<<t) != 0 }

func (r *Rates) put(t Tier, p Price) {
	r.price[t] = p
	r.set |= 1 << t
}

// inherit takes from other what r has no price for.
func (r *Rates) inherit(other *Rates) {
	for t := range numTiers {
		if p, ok := other.Get(t); ok && !r.has(t) {
			r.put(t, p)
		}
	}
}
