package engine_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiltmeter/tiltmeter/store/storetest"
)

// TestRefusedInsertsEnd: an insert whose rows are refused is answered, every time, whatever else runs, and
// leaves nothing behind that runs or holds the table.
func TestRefusedInsertsEnd(t *testing.T) {
	t.Parallel()
	e := storetest.Engine(t)
	conn := open(t, e)
	exec(t, conn, "CREATE OR REPLACE TABLE refusing (n UInt64, s String, CONSTRAINT even CHECK n % 2 = 0) ENGINE = MergeTree ORDER BY n")
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 8, DialContext: dialer(e)}}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				body := fmt.Sprintf("%d,x\n", 2*i+w%2)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/?query=INSERT+INTO+refusing+FORMAT+CSV&insert_deduplication_token="+fmt.Sprint(w, "-", i), strings.NewReader(body))
				if err != nil {
					t.Error(err)
				}
				res, err := client.Do(req)
				cancel()
				if err != nil {
					t.Errorf("insert %d of worker %d: %v", i, w, err)
					return
				}
				res.Body.Close()
				if want := w%2 == 1; (res.StatusCode != http.StatusOK) != want {
					t.Errorf("insert %d of worker %d: %s", i, w, res.Status)
				}
			}
		})
	}
	wg.Wait()
	if n := scan[uint64](t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO refusing%'"); n != 0 {
		t.Errorf("%d refused inserts still run", n)
	}
	exec(t, conn, "DROP TABLE refusing SYNC")
}

func dialer(e interface {
	Dial(ctx context.Context) (net.Conn, error)
},
) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return e.Dial(ctx) }
}
