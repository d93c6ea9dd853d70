package embed

// Embeddings of an endpoint that speaks the OpenAI API: OpenAI's own, or vLLM, Ollama, llama.cpp, TEI, LiteLLM and others.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

// The defaults and bounds of EndpointOptions.
const (
	DefaultEndpointTimeout   = 30 * time.Second
	DefaultEndpointAttempts  = 4
	DefaultRequestsPerSecond = 10
	DefaultCacheBytes        = 64 << 20

	// DefaultMaxTextBytes is what is sent of a text: the models of OpenAI take 8,191 tokens, and a token is a byte at least.
	DefaultMaxTextBytes = 8_000

	// batchTexts and batchBytes bound one request: OpenAI takes 2,048 texts and 300,000 tokens.
	batchTexts = 64
	batchBytes = 256 << 10

	// Waits between attempts without Retry-After, and the longest Retry-After that is waited for.
	firstWait = 500 * time.Millisecond
	lastWait  = 30 * time.Second

	// breakAfter failed requests in a row the endpoint is left alone for breakFor.
	breakAfter = 5
	breakFor   = 30 * time.Second

	// maxKeyBytes bounds a file with a key.
	maxKeyBytes = 16 << 10
)

// EndpointOptions say where the endpoint is and how it is asked. URL, Model and Dimensions must be given.
type EndpointOptions struct {
	URL        string // of the API ("https://api.openai.com/v1") or of its embeddings themselves
	Model      string
	Dimensions int // that the model answers with; an answer with others is an error

	// AskDimensions has the endpoint shorten its vectors to Dimensions, which not every model can.
	AskDimensions bool

	// Key is sent as a bearer token; KeyFile holds one instead, and is read when the endpoint is made. Neither appears in an error or a log.
	Key     string
	KeyFile string

	Timeout           time.Duration // of one attempt
	Attempts          int           // for one request
	RequestsPerSecond float64
	CacheBytes        int // of vectors kept, 4 bytes a dimension; negative: none
	MaxTextBytes      int // of a text; what is longer is cut and counted

	Client     *http.Client          // nil: one of its own
	Logger     *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: metrics are counted and not exported
}

// Endpoint is a model behind the OpenAI API's embeddings.
type Endpoint struct {
	options EndpointOptions
	kind    Kind
	client  *http.Client
	limiter *rate.Limiter
	breaker *gobreaker.CircuitBreaker[[][]float32]
	cache   *cache
	metrics *endpointMetrics
	wait    func(context.Context, time.Duration) error // between attempts
}

// NewEndpoint checks the options; it does not reach out. The kind is "openai:<model>/<dimensions>".
func NewEndpoint(o EndpointOptions) (*Endpoint, error) {
	address, err := endpointURL(o.URL)
	if err != nil {
		return nil, err
	}
	o.URL = address
	if o.Model == "" {
		return nil, errors.New("embeddings endpoint: no model: name one that the endpoint has")
	}
	if o.Dimensions < 1 || o.Dimensions > MaxDimensions {
		return nil, fmt.Errorf("embeddings endpoint: %d dimensions: say how many the vectors of %q have, from 1 to %d", o.Dimensions, o.Model, MaxDimensions)
	}
	if o.KeyFile != "" {
		if o.Key, err = readKey(o.KeyFile); err != nil {
			return nil, err
		}
	}
	if strings.ContainsFunc(o.Key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("embeddings endpoint: the key holds characters that no header may")
	}
	o.Timeout = cmp.Or(o.Timeout, DefaultEndpointTimeout)
	o.Attempts = cmp.Or(o.Attempts, DefaultEndpointAttempts)
	o.RequestsPerSecond = cmp.Or(o.RequestsPerSecond, DefaultRequestsPerSecond)
	o.CacheBytes = cmp.Or(o.CacheBytes, DefaultCacheBytes)
	o.MaxTextBytes = cmp.Or(o.MaxTextBytes, DefaultMaxTextBytes)
	if o.Timeout < 0 || o.Attempts < 0 || o.RequestsPerSecond < 0 || o.MaxTextBytes < utf8.UTFMax || o.MaxTextBytes > batchBytes {
		return nil, fmt.Errorf("embeddings endpoint: timeout %v, %d attempts, %g requests/s, %d bytes a text: all must be positive, and a text has %d to %d bytes",
			o.Timeout, o.Attempts, o.RequestsPerSecond, o.MaxTextBytes, utf8.UTFMax, batchBytes)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	client := &http.Client{}
	if o.Client != nil {
		*client = *o.Client
	}
	// The key goes where the operator sent it and nowhere else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	e := &Endpoint{
		options: o,
		kind:    Kind(fmt.Sprintf("openai:%s/%d", o.Model, o.Dimensions)),
		client:  client,
		limiter: rate.NewLimiter(rate.Limit(o.RequestsPerSecond), max(1, int(o.RequestsPerSecond))),
		cache:   newCache(max(0, o.CacheBytes) / (4 * o.Dimensions)),
		metrics: newEndpointMetrics(o.Registerer),
		wait:    wait,
	}
	e.breaker = gobreaker.NewCircuitBreaker[[][]float32](gobreaker.Settings{
		Timeout:     breakFor,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errGaveUp) || errors.Is(err, errInput) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			o.Logger.Warn("embeddings endpoint", slog.String("model", o.Model), slog.String("breaker", to.String()))
		},
	})
	return e, nil
}

// endpointURL is the address of the embeddings of an API.
func endpointURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("embeddings endpoint: the URL must begin with http:// or https:// and name a host") // not repeated: it may hold a key
	}
	if u.User != nil {
		return "", errors.New("embeddings endpoint: the URL holds a user or password: give the key as a key")
	}
	if !strings.HasSuffix(u.Path, "/embeddings") {
		u = u.JoinPath("embeddings")
	}
	return u.String(), nil
}

func readKey(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("embeddings endpoint: read key: %w", err)
	}
	defer f.Close()
	b := make([]byte, maxKeyBytes+1)
	n, err := f.Read(b)
	if err != nil || n > maxKeyBytes {
		return "", fmt.Errorf("embeddings endpoint: read key: %s is empty, larger than %d bytes or cannot be read", path, maxKeyBytes)
	}
	return strings.TrimSpace(string(b[:n])), nil
}

// Kind names the model and its dimensions.
func (e *Endpoint) Kind() Kind { return e.kind }

// Dimensions is what the options say.
func (e *Endpoint) Dimensions() int { return e.options.Dimensions }

// Embed asks the endpoint for the texts that the cache does not have, each once, in requests of bounded size. Texts of
// nothing but space are the zero vector and not asked for.
func (e *Endpoint) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	wanted := map[digest][]int{} // where each missing text stands
	var missing []string         // in order, each once
	var keys []digest
	for i, text := range texts {
		text = e.fit(text)
		if strings.TrimSpace(text) == "" {
			vectors[i] = make([]float32, e.options.Dimensions)
			continue
		}
		key := sha256.Sum256([]byte(text))
		if vectors[i] = e.cache.get(key); vectors[i] != nil {
			e.metrics.texts.WithLabelValues("cache").Inc()
			continue
		}
		if wanted[key] == nil {
			missing, keys = append(missing, text), append(keys, key)
		}
		wanted[key] = append(wanted[key], i)
	}
	for len(missing) > 0 {
		n := batch(missing)
		found, err := e.request(ctx, missing[:n])
		if err != nil {
			return nil, fmt.Errorf("embed %d texts with %q: %w", n, e.options.Model, err)
		}
		for i, v := range found {
			e.cache.put(keys[i], v)
			for _, at := range wanted[keys[i]] {
				vectors[at] = v
			}
		}
		missing, keys = missing[n:], keys[n:]
	}
	return vectors, nil
}

// batch is how many of the texts go into one request.
func batch(texts []string) int {
	bytes := 0
	for n, text := range texts {
		if bytes += len(text); n == batchTexts || bytes > batchBytes {
			return n
		}
	}
	return len(texts)
}

// fit makes a text valid UTF-8 and cuts it to what is sent.
func (e *Endpoint) fit(s string) string {
	end := len(s)
	if end > e.options.MaxTextBytes {
		e.metrics.cut.Inc()
		for end = e.options.MaxTextBytes; end > e.options.MaxTextBytes-utf8.UTFMax && !utf8.RuneStart(s[end]); {
			end--
		}
	}
	return strings.ToValidUTF8(s[:end], "\uFFFD")
}

var _ Embedder = (*Endpoint)(nil)
