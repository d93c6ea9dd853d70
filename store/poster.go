package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	// maxErrorBytes bounds what is read of an error's text.
	maxErrorBytes = 64 << 10
	// defaultDialTimeout is how long one address is given to take a connection.
	defaultDialTimeout = 30 * time.Second
	// answerTimeout is how long the server may work on a block that it has: a block of 50,000 spans
	// takes it seconds, behind merges on a slow disk a minute.
	answerTimeout = 5 * time.Minute
	// insertTimeout bounds one insert, sending included; a batch goes over a line of 2 Mbit/s in that
	// time. An insert that takes longer has lost its server, and is repeated under its token.
	insertTimeout = 10 * time.Minute
)

// poster sends blocks to the same places, in the same way, as the driver sends queries.
type poster struct {
	client   *http.Client
	bases    []string // one for each address
	good     atomic.Int64
	auth     clickhouse.Auth
	header   map[string]string
	settings url.Values
}

func newPoster(o *clickhouse.Options) *poster {
	tr := &http.Transport{
		TLSClientConfig:       o.TLS,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       o.ConnMaxLifetime,
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: cmp.Or(o.DialTimeout, defaultDialTimeout)}).DialContext,
		TLSHandshakeTimeout:   cmp.Or(o.DialTimeout, defaultDialTimeout),
		ResponseHeaderTimeout: answerTimeout,
	}
	p := &poster{client: &http.Client{Transport: tr, Timeout: insertTimeout}, auth: o.Auth, header: o.HttpHeaders, settings: url.Values{}}
	for name, v := range o.Settings {
		if c, ok := v.(clickhouse.CustomSetting); ok {
			v = c.Value
		}
		p.settings.Set(name, fmt.Sprint(v))
	}
	for _, kv := range insertSettings {
		p.settings.Set(kv[0], kv[1]) // what exactly once rests on is nobody's choice
	}
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	for _, addr := range o.Addr {
		p.bases = append(p.bases, scheme+"://"+addr+"/"+strings.TrimPrefix(o.HttpUrlPath, "/"))
	}
	if o.DialContext != nil {
		tr.Proxy = nil
		tr.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.DialTimeout, defaultDialTimeout))
			defer cancel()
			return o.DialContext(ctx, addr)
		}
	}
	return p
}

// insert sends a block to the address that took the last one, and to the others in turn as long as
// nobody answers: under the same token, so that the block counts once if an answer was lost. An
// answer of ClickHouse, whatever it says, is the answer.
func (p *poster) insert(ctx context.Context, t *table, token string, b *block) error {
	q := url.Values{"query": {t.insertSQL()}, "database": {p.auth.Database}, "log_comment": {"Insert"}}
	maps.Copy(q, p.settings)
	q.Set("insert_deduplication_token", token)
	var errs []error
	first := p.good.Load()
	for i := range int64(len(p.bases)) {
		at := (first + i) % int64(len(p.bases))
		err := p.send(ctx, p.bases[at]+"?"+q.Encode(), t, b)
		answer, answered := errors.AsType[*InsertError](err)
		if err == nil || answered && answer.Code != 0 || ctx.Err() != nil {
			p.good.Store(at)
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (p *poster) send(ctx context.Context, address string, t *table, b *block) error {
	// A transport closes a body when it is done with it, which may be after the answer (http.RoundTripper).
	var open sync.WaitGroup
	defer open.Wait()
	body := func() (io.ReadCloser, error) {
		open.Add(1)
		return b.reader(open.Done), nil
	}
	first, _ := body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, first)
	if err != nil {
		return errors.Join(err, first.Close())
	}
	req.GetBody, req.ContentLength = body, b.bytes
	for k, v := range p.header {
		req.Header.Set(k, v)
	}
	if p.auth.Username != "" {
		req.Header.Set("X-ClickHouse-User", p.auth.Username)
		req.Header.Set("X-ClickHouse-Key", p.auth.Password)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL holds column names by the hundred
		}
		return fmt.Errorf("insert %d rows into %s at %s: %w", t.rows, t.name, req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	if code := resp.Header.Get("X-ClickHouse-Exception-Code"); code != "" || resp.StatusCode != http.StatusOK {
		n, _ := strconv.ParseInt(code, 10, 32)
		return &InsertError{Table: t.name, Rows: t.rows, Status: resp.StatusCode, Code: int(n), Text: strings.TrimSpace(string(text))}
	}
	return err
}
