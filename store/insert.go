package store

import (
	"context"
	"fmt"
	"time"
)

// insertSettings make a block of ours one block of the engine, whatever its size, and its token good
// for the tables behind the materialized views. A batch has at most a day for each of the
// retention (see Batch.Came), which may be more than the engine's own limit on partitions.
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

// Insert stores the batch: contents first, so that no span is ever without them. A nil error
// means that all of it is stored. After any error the caller MAY insert the same rows again under the same
// token, in this process or a later one, and nothing is stored twice, summaries included.
// What ClickHouse itself answers is an *InsertError, and names the table that it is about: those
// before it are stored. Before Migrate has succeeded the error is ErrNotMigrated.
func (s *Store) Insert(ctx context.Context, b *Batch, token string) error {
	began := time.Now()
	for _, t := range b.tables() {
		if err := s.insert(ctx, &b.block, t, token+":"+t.name); err != nil {
			return err
		}
	}
	// Only now: what is in the cache is not sent again.
	s.known.add(b.fresh)
	s.metrics.insertSeconds.Observe(time.Since(began).Seconds())
	return nil
}

// InsertTable stores the rows of one table of the batch, as Insert would.
func (s *Store) InsertTable(ctx context.Context, b *Batch, table, token string) error {
	for _, t := range b.tables() {
		if t.name == table {
			return s.insert(ctx, &b.block, t, token+":"+t.name)
		}
	}
	return fmt.Errorf("insert into %s: no batch has such a table", table)
}

// insert sends the rows of one table in a block whose memory is used again.
func (s *Store) insert(ctx context.Context, b *block, t *table, token string) error {
	if t.rows == 0 {
		return nil
	}
	select {
	case <-s.migrated:
	default:
		return ErrNotMigrated
	}
	b.write(t)
	if err := s.post.insert(ctx, t, token, b); err != nil {
		s.metrics.insertErrors.Inc()
		return err
	}
	s.metrics.rows.WithLabelValues(t.name).Add(float64(t.rows))
	s.metrics.bytes.Add(float64(b.bytes))
	return nil
}
