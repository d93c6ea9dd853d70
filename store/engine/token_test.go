package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/tiltmeter/tiltmeter/store/engine"
)

// TestTokenAfterKillInTheMiddle: the child is killed when it has read half of
// an insert's body, part of which may be in the table already; the same body
// under the same token then completes it, and a further one changes nothing.
func TestTokenAfterKillInTheMiddle(t *testing.T) {
	t.Parallel()
	e := start(t, engine.Config{})
	conn := open(t, e)
	exec(t, conn, "CREATE TABLE tk (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000")
	const rows = 1 << 19 // 4 MiB
	for round := range 5 {
		var body []byte
		for i := range uint64(rows) {
			body = binary.LittleEndian.AppendUint64(body, uint64(round)*rows+i)
		}
		q := url.Values{
			"query": {"INSERT INTO tk (a) FORMAT RowBinary"}, "insert_deduplication_token": {fmt.Sprint("round ", round)},
			// Blocks of an eighth of the body, so that some are stored before its end.
			"min_insert_block_size_rows": {"65536"}, "max_insert_block_size": {"65536"},
		}.Encode()
		killHalfway(t, e, q, body)
		t.Logf("round %d: %d rows after the kill", round, scan[uint64](t, conn, "SELECT count() FROM tk")-uint64(round)*rows)
		for range 2 {
			resp, err := client(e).Post("http://engine/?"+q, "", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body) // only for the message
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("round %d: %s", round, text)
			}
			want := uint64(round+1) * rows
			if got := scan[string](t, conn, "SELECT toString((count(), uniqExact(a))) FROM tk"); got != fmt.Sprintf("(%d,%d)", want, want) {
				t.Fatalf("round %d: rows %s, want %d", round, got, want)
			}
		}
	}
}

func killHalfway(t *testing.T, e *engine.Engine, query string, body []byte) {
	t.Helper()
	raw, err := e.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	fmt.Fprintf(raw, "POST /?%s HTTP/1.1\r\nHost: engine\r\nContent-Length: %d\r\n\r\n", query, len(body))
	before := insertBytes(t, e)
	if _, err := raw.Write(body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}
	await(t, "engine has read half", func() bool { return insertBytes(t, e) == before+len(body)/2 })
	pid := e.PID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "child is replaced", func() bool { return e.PID() != pid && e.Ready() == nil })
}

func insertBytes(t *testing.T, e *engine.Engine) (n int) {
	t.Helper()
	_, after, found := strings.Cut(stats(t, e), `"insert_bytes":`)
	if _, err := fmt.Sscan(strings.TrimRight(strings.SplitN(after, ",", 2)[0], "}"), &n); err != nil || !found {
		t.Fatalf("stats: %q, %v", after, err)
	}
	return n
}
