package engine_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tiltmeter/tiltmeter/store/engine"
	"github.com/tiltmeter/tiltmeter/store/storetest"
)

func TestHungChildIsReplaced(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	e := start(t, engine.Config{HangTimeout: 3 * time.Second, Registerer: registry})
	conn := open(t, e)
	pid := e.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "child is replaced", func() bool { return e.PID() != pid && e.Ready() == nil })
	if got := scan[uint8](t, conn, "SELECT 1"); got != 1 {
		t.Errorf("answer of the new child: %d", got)
	}
	const want = "# HELP tiltmeter_engine_hangs_total Times the embedded ClickHouse was killed because it no longer answered.\n" +
		"# TYPE tiltmeter_engine_hangs_total counter\ntiltmeter_engine_hangs_total 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "tiltmeter_engine_hangs_total"); err != nil {
		t.Error(err)
	}
}

func TestStatementOverTheMemoryCapFailsAlone(t *testing.T) {
	t.Parallel()
	e := start(t, engine.Config{MemoryBytes: 512 << 20})
	conn := open(t, e)
	pid := e.PID()
	wantCode(t, conn.Exec(t.Context(), "SELECT length(groupArray(number)) FROM numbers(1000000000)"), 241)
	exec(t, conn, "CREATE TABLE m (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	wantCode(t, conn.Exec(t.Context(), "INSERT INTO m SELECT number, repeat('x', 1000000) FROM numbers(100000)"+
		" SETTINGS max_block_size = 100000, min_insert_block_size_bytes = 0, min_insert_block_size_rows = 0"), 241)
	if err := insert(t, conn, t.Context(), "INSERT INTO m (a, b)", 0, 1000); err != nil {
		t.Error(err)
	}
	if e.PID() != pid {
		t.Error("the child died of a statement over its cap")
	}
}

// TestErrorsOfTheEngineAreCounted: the metric carries the engine's own names.
func TestErrorsOfTheEngineAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	e := start(t, engine.Config{Registerer: registry})
	wantCode(t, open(t, e).Exec(t.Context(), "SELECT * FROM no_such_table"), 60)
	const want = "# HELP tiltmeter_engine_errors_total Errors counted by the embedded ClickHouse itself, those of background work included, by its name for them.\n" +
		"# TYPE tiltmeter_engine_errors_total counter\ntiltmeter_engine_errors_total{name=\"UNKNOWN_TABLE\"} 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "tiltmeter_engine_errors_total"); err != nil {
		t.Error(err)
	}
}

// TestFullDisk fills a disk of 64 MiB where the test may mount one; elsewhere
// the engine is told to keep more space free than any disk has.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill, free := fillByMount(t, dir)
	e := start(t, engine.Config{DataDir: dir})
	conn := open(t, e)
	exec(t, conn, "CREATE TABLE f (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
	if fill == nil {
		fill = func() {
			exec(t, conn, "ALTER TABLE f MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000")
		}
		free = func() { exec(t, conn, "ALTER TABLE f MODIFY SETTING min_free_disk_bytes_to_perform_insert = 0") }
	}
	pid := e.PID()
	fill()
	err := insert(t, conn, t.Context(), "INSERT INTO f (a, b)", 0, 100_000)
	wantCode(t, err, 243) // NOT_ENOUGH_SPACE
	free()
	if err := insert(t, conn, t.Context(), "INSERT INTO f (a, b)", 0, 100_000); err != nil {
		t.Error(err)
	}
	if got := scan[uint64](t, conn, "SELECT count() FROM f"); got != 100_000 || e.PID() != pid {
		t.Errorf("rows %d, child %d, was %d", got, e.PID(), pid)
	}
}

// TestBodyThatBreaksOffStoresNothing: the client dies in the middle.
func TestBodyThatBreaksOffStoresNothing(t *testing.T) {
	t.Parallel()
	e := start(t, engine.Config{})
	conn := open(t, e)
	exec(t, conn, "CREATE TABLE broken (a UInt64) ENGINE = MergeTree ORDER BY a")
	raw, err := e.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const declared = 4 << 20
	fmt.Fprintf(raw, "POST /?query=INSERT+INTO+broken+(a)+FORMAT+RowBinary HTTP/1.1\r\nHost: engine\r\nContent-Length: %d\r\n\r\n", declared)
	if _, err := raw.Write(make([]byte, declared/2)); err != nil {
		t.Fatal(err)
	}
	await(t, "engine has read half", func() bool { return strings.Contains(stats(t, e), fmt.Sprintf(`"insert_bytes":%d`, declared/2)) })
	raw.Close()
	await(t, "statement has ended", func() bool { return strings.Contains(stats(t, e), `"running":0`) })
	if got := scan[uint64](t, conn, "SELECT count() FROM broken"); got != 0 {
		t.Errorf("rows of a broken insert: %d", got)
	}
}

func client(e *engine.Engine) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) }}}
}

func stats(t testing.TB, e *engine.Engine) string {
	t.Helper()
	resp, err := client(e).Get("http://engine/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOversizedBodyIsRefusedUnread(t *testing.T) {
	t.Parallel()
	raw, err := storetest.Engine(t).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	fmt.Fprintf(raw, "POST /?query=INSERT+INTO+t+FORMAT+Native HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", int64(2)<<30)
	answer := make([]byte, 1024)
	n, err := raw.Read(answer)
	if err != nil || !strings.Contains(string(answer[:n]), "X-Clickhouse-Exception-Code: 307") {
		t.Errorf("answer %q, %v", answer[:n], err)
	}
}

func TestDatabaseOfTheRequest(t *testing.T) {
	t.Parallel()
	e := start(t, engine.Config{Connections: 1})
	conn := open(t, e)
	exec(t, conn, "CREATE DATABASE other")
	opts := e.ClickHouse()
	opts.Auth.Database = "other"
	other, err := clickhouse.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 2 { // the one connection of the engine goes to and fro
		if got := scan[string](t, other, "SELECT currentDatabase()"); got != "other" {
			t.Errorf("database %q, want other", got)
		}
		if got := scan[string](t, conn, "SELECT currentDatabase()"); got != "default" {
			t.Errorf("database %q, want default", got)
		}
	}
}

// fillByMount puts a small disk under dir, nil where that is not allowed.
func fillByMount(t *testing.T, dir string) (fill, free func()) {
	t.Helper()
	if !mountSmall(dir, 64<<20) {
		return nil, nil
	}
	t.Cleanup(func() { unmount(t, dir) })
	ballast := dir + "/ballast"
	return func() {
			f, err := os.Create(ballast)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for err == nil {
				_, err = f.Write(make([]byte, 1<<16))
			}
		}, func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
}
