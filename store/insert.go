package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// maxErrorBytes bounds what is read of an error's text.
const maxErrorBytes = 64 << 10

// insertSettings make a block of ours one block of the engine, whatever its size, and its token
// good for the tables behind the materialized views. A batch may span more days than the engine's
// own limit on partitions: times are the senders'.
var insertSettings = [][2]string{
	{"async_insert", "0"},
	{"min_insert_block_size_rows", "0"},
	{"min_insert_block_size_bytes", "0"},
	{"insert_deduplicate", "1"},
	{"deduplicate_blocks_in_dependent_materialized_views", "1"},
	{"max_partitions_per_insert_block", "0"},
	{"max_insert_threads", "1"},
	{"input_format_parallel_parsing", "0"},
}

func dialer(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) }
}

// Insert stores the batch: contents first, so that no span is ever without them. A nil error
// means that all of it is stored. After any error the caller MAY insert the same rows again under the same
// token, in this process or a later one, and nothing is stored twice, summaries included.
func (s *Store) Insert(ctx context.Context, b *Batch, token string) error {
	began := time.Now()
	for _, t := range b.tables() {
		if t.rows == 0 {
			continue
		}
		b.wire = t.block(b.wire[:0])
		if err := s.post.insert(ctx, t, token+":"+t.name, b.wire); err != nil {
			s.metrics.insertErrors.Inc()
			return fmt.Errorf("insert %d rows into %s: %w", t.rows, t.name, err)
		}
		s.metrics.rows.WithLabelValues(t.name).Add(float64(t.rows))
		s.metrics.bytes.Add(float64(len(b.wire)))
	}
	// Only now: what is in the cache is not sent again.
	s.known.add(b.fresh)
	s.metrics.insertSeconds.Observe(time.Since(began).Seconds())
	return nil
}

func (p *poster) insert(ctx context.Context, t *table, token string, block []byte) error {
	q := url.Values{"query": {t.insertSQL()}, "database": {p.auth.Database}, "log_comment": {"Insert"}}
	q.Set("insert_deduplication_token", token)
	for _, kv := range insertSettings {
		q.Set(kv[0], kv[1])
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"?"+q.Encode(), bytes.NewReader(block))
	if err != nil {
		return err
	}
	for k, v := range p.header {
		req.Header.Set(k, v)
	}
	if p.auth.Username != "" {
		req.Header.Set("X-ClickHouse-User", p.auth.Username)
		req.Header.Set("X-ClickHouse-Key", p.auth.Password)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	if code := resp.Header.Get("X-ClickHouse-Exception-Code"); code != "" || resp.StatusCode != http.StatusOK {
		n, _ := strconv.ParseInt(code, 10, 32)
		return &clickhouse.Exception{Code: int32(n), Name: "insert", Message: strings.TrimSpace(string(text))}
	}
	return err
}
