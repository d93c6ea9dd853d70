package schema

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const selectExpiry = `SELECT name, extract(engine_full, ' TTL (.*) SETTINGS ') FROM system.tables
WHERE database = currentDatabase() AND position(engine_full, ' TTL ') > 0 ORDER BY name`

var expiryDays = regexp.MustCompile(`toIntervalDay\((\d+)\)`)

// keep makes every table drop its rows after as many days as p says. Parts that exist are told
// as well, by a mutation that runs behind: a retention that grew keeps what was about to expire.
func keep(ctx context.Context, conn driver.Conn, p Params, log *slog.Logger) error {
	tables, err := expiries(ctx, conn)
	if err != nil {
		return err
	}
	for _, t := range tables {
		m := expiryDays.FindStringSubmatch(t.expr)
		days := p.Days(t.name)
		if m == nil || m[1] == strconv.Itoa(days) {
			continue
		}
		expr := expiryDays.ReplaceAllString(t.expr, fmt.Sprintf("toIntervalDay(%d)", days))
		ctx := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"materialize_ttl_after_modify": 1, "mutations_sync": 0}))
		if err := exec(ctx, conn, "ALTER TABLE "+t.name+" "+p.OnCluster()+" MODIFY TTL "+expr); err != nil {
			return fmt.Errorf("change the retention of %s to %d days: %w", t.name, days, err)
		}
		log.InfoContext(ctx, "retention changed", "table", t.name, "from_days", m[1], "to_days", days)
	}
	return nil
}

type expiry struct{ name, expr string }

func expiries(ctx context.Context, conn driver.Conn) (list []expiry, err error) {
	rows, err := conn.Query(ctx, selectExpiry)
	if err != nil {
		return nil, fmt.Errorf("read the retention: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e expiry
		if err := rows.Scan(&e.name, &e.expr); err != nil {
			return nil, fmt.Errorf("read the retention: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}
