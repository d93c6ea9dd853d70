package schema

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// lockExpiry is how long a process that died holds the lock; one that lives says so every
	// lockRenew, however long its statements take.
	lockExpiry = 60 * time.Second
	lockRenew  = 10 * time.Second
	lockPoll   = 200 * time.Millisecond
)

const createLock = `CREATE TABLE IF NOT EXISTS schema_lock %s
(
    turn     UInt64,
    owner    String,
    at       DateTime64(3, 'UTC') DEFAULT now64(3),
    released UInt8
)
ENGINE = %s ORDER BY turn SETTINGS %s`

// lastTurn is the latest turn, who has it, and whether it is over.
const lastTurn = `SELECT turn, anyIf(owner, released = 0), max(released) > 0 OR max(at) < now64(3) - INTERVAL {expiry:UInt32} SECOND
FROM schema_lock GROUP BY turn ORDER BY turn DESC LIMIT 1`

const takeTurn = `INSERT INTO schema_lock (turn, owner) VALUES ({turn:UInt64}, {owner:String})`

const endTurn = `INSERT INTO schema_lock (turn, owner, released) VALUES ({turn:UInt64}, {owner:String}, 1)`

// lock takes the next turn when the last one is over. All who want the same turn insert it under the
// same deduplication token, so that the server keeps the first and drops the others: whoever reads
// its own name has the lock. A turn of which nothing was heard for lockExpiry is over.
func lock(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger) (release func(), err error) {
	if err := exec(ctx, conn, fmt.Sprintf(createLock, p.OnCluster(), p.Engine("MergeTree"), p.Settings())); err != nil {
		return nil, fmt.Errorf("create the table of the lock: %w", err)
	}
	owner := rand.Text()
	for said := false; ; {
		turn, holder, over, err := readTurn(ctx, conn)
		if err != nil {
			return nil, err
		}
		switch {
		case holder == owner:
			return hold(ctx, conn, turn, owner), nil
		case over:
			err := exec(withToken(ctx, fmt.Sprintf("turn-%d", turn+1)), conn, takeTurn, named("turn", turn+1), named("owner", owner))
			if err != nil {
				return nil, fmt.Errorf("lock schema: %w", err)
			}
			continue
		}
		if !said {
			log.WarnContext(ctx, "waiting: another process migrates the schema, or died doing so", "at_most_after_its_death", lockExpiry)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock schema: another process migrates: %w", context.Cause(ctx))
		case <-time.After(lockPoll):
		}
	}
}

// hold renews the turn until it is released.
func hold(ctx context.Context, conn driver.Conn, turn uint64, owner string) (release func()) {
	// Also when ctx has ended: a statement is finished all the same, and the next process should
	// not wait for the expiry.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var renewing sync.WaitGroup
	renewing.Go(func() {
		tick := time.NewTicker(lockRenew)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// One that fails is made up by the next; if none succeeds, no statement does either.
				_ = conn.Exec(withToken(ctx, fmt.Sprintf("renew-%s-%d", owner, n)), takeTurn, named("turn", turn), named("owner", owner))
			}
		}
	})
	return func() {
		cancel()
		renewing.Wait()
		end := withToken(context.WithoutCancel(ctx), fmt.Sprintf("end-%d", turn))
		_ = exec(end, conn, endTurn, named("turn", turn), named("owner", owner)) // else it expires
	}
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": token,
	}))
}

// readTurn returns turn 0, over, when nobody ever had the lock.
func readTurn(ctx context.Context, conn driver.Conn) (turn uint64, holder string, over bool, err error) {
	rows, err := conn.Query(ctx, lastTurn, named("expiry", int(lockExpiry/time.Second)))
	if err != nil {
		return 0, "", false, fmt.Errorf("lock schema: %w", err)
	}
	defer func() { _ = rows.Close() }()
	over = true
	for rows.Next() {
		if err := rows.Scan(&turn, &holder, &over); err != nil {
			return 0, "", false, fmt.Errorf("lock schema: %w", err)
		}
	}
	return turn, holder, over, rows.Err()
}
