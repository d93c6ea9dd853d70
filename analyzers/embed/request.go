package embed

// One request to an embeddings endpoint: its attempts, what is waited for between them, and what is believed of the answer.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// bytesPerValue bounds what an answer spends on one number: a float64 in JSON with its comma and indentation.
	bytesPerValue = 48

	// answerSlack is allowed beside the numbers, in bytes.
	answerSlack = 64 << 10

	// maxExcerpt bounds what an error repeats of an answer, in bytes.
	maxExcerpt = 256
)

// errGaveUp marks that the caller's context was done: it says nothing of the endpoint.
var errGaveUp = errors.New("given up by the caller")

// errInput marks that the endpoint refused the texts: it may well take others.
var errInput = errors.New("texts refused")

// failure is an attempt that failed.
type failure struct {
	err   error
	retry bool          // another attempt may go well
	after time.Duration // that the endpoint asked to wait; 0: it did not say
}

func permanent(format string, args ...any) *failure {
	return &failure{err: fmt.Errorf(format, args...)}
}

func retryable(format string, args ...any) *failure {
	return &failure{err: fmt.Errorf(format, args...), retry: true}
}

// request embeds one batch.
func (e *Endpoint) request(ctx context.Context, texts []string) ([][]float32, error) {
	vectors, err := e.breaker.Execute(func() ([][]float32, error) { return e.attempts(ctx, texts) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		e.metrics.requests.WithLabelValues("refused").Inc()
		return nil, fmt.Errorf("the endpoint failed %d times in a row and is left alone for %v: %w", breakAfter, breakFor, err)
	}
	return vectors, err
}

func (e *Endpoint) attempts(ctx context.Context, texts []string) ([][]float32, error) {
	body, err := json.Marshal(e.question(texts))
	if err != nil {
		return nil, err
	}
	pause := firstWait
	for attempt := 1; ; attempt++ {
		if err := e.limiter.Wait(ctx); err != nil {
			return nil, fmt.Errorf("wait for the rate limit: %w: %w", errGaveUp, err)
		}
		vectors, failed := e.attempt(ctx, body, len(texts))
		if failed == nil {
			e.metrics.requests.WithLabelValues("ok").Inc()
			e.metrics.texts.WithLabelValues("endpoint").Add(float64(len(texts)))
			return vectors, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", errGaveUp, context.Cause(ctx))
		}
		e.metrics.requests.WithLabelValues("failed").Inc()
		if !failed.retry || attempt == e.options.Attempts || failed.after > lastWait {
			return nil, fmt.Errorf("attempt %d of %d: %w", attempt, e.options.Attempts, failed.err)
		}
		delay := failed.after
		if delay == 0 {
			delay = pause/2 + rand.N(pause/2) //nolint:gosec // jitter needs no secret
			pause = min(2*pause, lastWait)
		}
		if err := e.wait(ctx, delay); err != nil {
			return nil, fmt.Errorf("%w: %w", errGaveUp, err)
		}
	}
}

// wait returns after d, or when ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// question is the body of a request.
func (e *Endpoint) question(texts []string) any {
	q := struct {
		Model      string   `json:"model"`
		Input      []string `json:"input"`
		Format     string   `json:"encoding_format"`
		Dimensions int      `json:"dimensions,omitempty"`
	}{Model: e.options.Model, Input: texts, Format: "float"}
	if e.options.AskDimensions {
		q.Dimensions = e.options.Dimensions
	}
	return q
}

// attempt asks once.
func (e *Endpoint) attempt(ctx context.Context, body []byte, texts int) ([][]float32, *failure) {
	ctx, cancel := context.WithTimeout(ctx, e.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.options.URL, bytes.NewReader(body))
	if err != nil {
		return nil, permanent("make request: %w", e.discreet(err))
	}
	req.Header.Set("Content-Type", "application/json")
	if e.options.Key != "" {
		req.Header.Set("Authorization", "Bearer "+e.options.Key)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, retryable("ask: %w", e.discreet(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, e.refused(resp)
	}
	limit := int64(texts)*int64(e.options.Dimensions)*bytesPerValue + answerSlack
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, retryable("read answer: %w", e.discreet(err))
	}
	if int64(len(answer)) > limit {
		return nil, permanent("answer of more than %d bytes, which %d vectors of %d dimensions cannot have", limit, texts, e.options.Dimensions)
	}
	vectors, err := readAnswer(answer, texts, e.options.Dimensions)
	if err != nil {
		return nil, permanent("read answer: %w", err)
	}
	return vectors, nil
}

// refused says what an answer other than 200 means.
func (e *Endpoint) refused(resp *http.Response) *failure {
	excerpt, _ := io.ReadAll(io.LimitReader(resp.Body, maxExcerpt+maxKeyBytes)) // the status says enough if this breaks off
	said := e.withoutKey(strings.ToValidUTF8(string(excerpt), ""))
	said = said[:min(len(said), maxExcerpt)]
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		return permanent("status %d: the endpoint redirects, and a key is not carried elsewhere: set the URL that it redirects to", code)
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		f := retryable("status %d: %q", code, said)
		f.after = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return f
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity:
		return permanent("%w with status %d: %q", errInput, code, said)
	default:
		return permanent("status %d: %q", code, said)
	}
}

// retryAfter reads seconds or a date; 0 where there is none.
func retryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// discreet is an error without the URL, whose query may hold a key.
func (e *Endpoint) discreet(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if e.options.Key != "" && strings.Contains(err.Error(), e.options.Key) {
		return errors.New(e.withoutKey(err.Error()))
	}
	return err
}

// withoutKey is a text that may be shown: some endpoints repeat the key that they refuse.
func (e *Endpoint) withoutKey(s string) string {
	if e.options.Key == "" {
		return s
	}
	return strings.ReplaceAll(s, e.options.Key, "[key]")
}

// readAnswer reads the vectors of an answer to texts texts.
func readAnswer(b []byte, texts, dimensions int) ([][]float32, error) {
	var answer struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	if len(answer.Data) != texts {
		return nil, fmt.Errorf("%d vectors for %d texts", len(answer.Data), texts)
	}
	vectors := make([][]float32, texts)
	for _, d := range answer.Data {
		switch {
		case d.Index < 0 || d.Index >= texts || vectors[d.Index] != nil:
			return nil, fmt.Errorf("a vector of index %d, which is not one of %d texts or came twice", d.Index, texts)
		case len(d.Embedding) != dimensions:
			return nil, fmt.Errorf("a vector of %d dimensions, want %d: set the dimensions that the model has", len(d.Embedding), dimensions)
		}
		vectors[d.Index] = d.Embedding
	}
	return vectors, nil
}
