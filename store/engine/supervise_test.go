package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

// start runs an engine of the test's own.
func start(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	e, err := engine.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func insert(t testing.TB, conn driver.Conn, ctx context.Context, sql string, from, n uint64) error {
	t.Helper()
	batch, err := conn.PrepareBatch(ctx, sql)
	if err != nil {
		return err
	}
	ids := make([]uint64, n)
	texts := make([]string, n)
	for i := range ids {
		ids[i] = from + uint64(i)
		texts[i] = fmt.Sprintf("text %d", ids[i])
	}
	if err := errors.Join(batch.Column(0).Append(ids), batch.Column(1).Append(texts)); err != nil {
		return err
	}
	return batch.Send()
}

func TestKilledChildLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	e := start(t, engine.Config{Registerer: registry})
	conn := open(t, e)
	exec(t, conn, "CREATE TABLE k (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	const rows = 20_000
	var acknowledged uint64
	for round := range 5 {
		pid := e.PID()
		killed := make(chan struct{})
		// A random moment of the insert below, which takes about as long.
		time.AfterFunc(rand.N(20*time.Millisecond), func() {
			defer close(killed)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		})
		err := insert(t, conn, t.Context(), "INSERT INTO k (a, b)", acknowledged*rows, rows)
		<-killed
		await(t, "child is replaced", func() bool { return e.PID() != pid && e.Ready() == nil })
		count := scan[uint64](t, conn, "SELECT count() FROM k")
		if count%rows != 0 || count < acknowledged*rows || (err == nil && count == acknowledged*rows) {
			t.Fatalf("round %d: %d rows after %d acknowledged inserts of %d (last: %v)", round, count, acknowledged, rows, err)
		}
		acknowledged = count / rows
		if err := insert(t, conn, t.Context(), "INSERT INTO k (a, b)", acknowledged*rows, rows); err != nil {
			t.Fatal(err)
		}
		acknowledged++
	}
	if got := scan[uint64](t, conn, "SELECT uniqExact(a) FROM k"); got != acknowledged*rows {
		t.Errorf("distinct rows %d, want %d", got, acknowledged*rows)
	}
	if n, err := testutil.GatherAndCount(registry, "tiltmeter_engine_restarts_total"); err != nil || n != 1 {
		t.Errorf("restarts metric: %d, %v", n, err)
	}
}

func TestDataFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, engine.Config{DataDir: dir})
	_, err := engine.Start(t.Context(), engine.Config{DataDir: dir})
	inUse, ok := errors.AsType[*engine.InUseError](err)
	if !ok || inUse.PID != os.Getpid() {
		t.Fatalf("error %v, want InUseError with our pid", err)
	}
	if want := fmt.Sprintf("data folder %s is in use by process %d; ", dir, os.Getpid()); !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q, want prefix %q", err, want)
	}
}

func TestCloseKeepsDataAndFreesTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := start(t, engine.Config{DataDir: dir})
	conn := open(t, e)
	exec(t, conn, "CREATE TABLE c (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	if err := insert(t, conn, t.Context(), "INSERT INTO c (a, b)", 0, 100_000); err != nil {
		t.Fatal(err)
	}
	pid := e.PID()
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("child %d after Close: %v", pid, err)
	}
	if _, err := e.Dial(t.Context()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("dial after Close: %v, want ErrClosed", err)
	}
	again := open(t, start(t, engine.Config{DataDir: dir}))
	if got := scan[uint64](t, again, "SELECT count() FROM c"); got != 100_000 {
		t.Errorf("rows after restart: %d", got)
	}
}

func TestMissingLibraryNamesTheCommand(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "libchdb.so")
	_, err := engine.Start(t.Context(), engine.Config{DataDir: t.TempDir(), LibraryPath: path})
	if _, ok := errors.AsType[*engine.LibraryError](err); !ok ||
		!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "`make engine`") {
		t.Errorf("error %v, want a LibraryError with the path and the command", err)
	}
}

func TestNoSystemLogsAndDurableParts(t *testing.T) {
	t.Parallel()
	conn := open(t, start(t, engine.Config{}))
	exec(t, conn, "CREATE TABLE s (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	for i := range uint64(3) {
		if err := insert(t, conn, t.Context(), "INSERT INTO s (a, b)", i*10, 10); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, conn, "OPTIMIZE TABLE s FINAL")
	exec(t, conn, "SYSTEM FLUSH LOGS")
	if got := scan[string](t, conn, "SELECT toString(groupArray(name)) FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'"); got != "[]" {
		t.Errorf("log tables of the engine: %s", got)
	}
	if got := scan[string](t, conn, "SELECT toString(groupArray(value)) FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory')"); got != "['1','1']" {
		t.Errorf("fsync settings: %s", got)
	}
}

func TestTokensDeduplicateTableAndView(t *testing.T) {
	t.Parallel()
	conn := open(t, start(t, engine.Config{}))
	exec(t, conn, "CREATE TABLE d (a UInt64, b String) ENGINE = MergeTree PARTITION BY a % 2 ORDER BY a SETTINGS non_replicated_deduplication_window = 1000")
	exec(t, conn, "CREATE TABLE ds (k UInt8, n SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY k SETTINGS non_replicated_deduplication_window = 1000")
	exec(t, conn, "CREATE MATERIALIZED VIEW dv TO ds AS SELECT 1 AS k, count() AS n FROM d GROUP BY k")
	for i, step := range []struct {
		token string
		want  string
	}{{"one", "(10,10)"}, {"two", "(20,20)"}, {"one", "(20,20)"}, {"three", "(30,30)"}} {
		ctx := clickhouseToken(t.Context(), step.token)
		if err := insert(t, conn, ctx, "INSERT INTO d (a, b)", 0, 10); err != nil {
			t.Fatal(err)
		}
		if got := scan[string](t, conn, "SELECT toString(((SELECT count() FROM d), (SELECT sum(n) FROM ds)))"); got != step.want {
			t.Errorf("step %d, token %s: %s, want %s", i, step.token, got, step.want)
		}
	}
}

func TestKilledOwnerLeavesTheFolderFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	owner := osexec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerEnv+"="+dir)
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	if err := owner.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = owner.Wait() // killed: it has no success to report
	if readErr != nil {
		t.Fatalf("owner said %q: %v", line, readErr)
	}
	// A child that lived on would hold its lock and keep this start from the data.
	conn := open(t, start(t, engine.Config{DataDir: dir}))
	if got := scan[uint64](t, conn, "SELECT count() FROM owned"); got != 10 {
		t.Errorf("rows of the killed owner: %d, want 10", got)
	}
}
