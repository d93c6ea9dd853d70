package spanlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1_000, 100_000, 280_000} {
		for _, publishers := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("%dB/%dpublishers", size, publishers), func(b *testing.B) {
				l := openTest(b, Options{})
				b.SetBytes(int64(size))
				b.ReportAllocs()
				jobs, done := make(chan int), make(chan error, publishers)
				for range publishers {
					go func() {
						var last error
						for i := range jobs {
							if _, _, err := l.Append(context.Background(), record(i, size)); err != nil {
								last = err
							}
						}
						done <- last
					}()
				}
				for i := range b.N {
					jobs <- i
				}
				close(jobs)
				for range publishers {
					if err := <-done; err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	l := openTest(b, Options{})
	r := mustReader(b, l, "writer")
	const size, n = 100_000, 320
	for i := range n {
		mustAppend(b, l, record(i, size))
	}
	b.SetBytes(size * n)
	b.ReportAllocs()
	for b.Loop() {
		seen := 0
		if err := r.Range(context.Background(), 1, n, func(Entry) error { seen++; return nil }); err != nil || seen != n {
			b.Fatal(seen, err)
		}
	}
}

func BenchmarkContentID(b *testing.B) {
	r := record(1, 280_000)
	b.SetBytes(280_000)
	for b.Loop() {
		contentID(r)
	}
}

// BenchmarkGroupCommit compares the ways in which n records of a moment could be stored: the bare
// fsync of a file, one message after another (what Append does), the same with all in flight at
// once, the server's atomic batch, and one message that carries all n (an upper bound for a
// format of our own). It is the ground of the decision in docs/adr/002.
func BenchmarkGroupCommit(b *testing.B) {
	const n = 16
	for _, size := range []int{1_000, 20_000} {
		b.Run(fmt.Sprintf("%dB/fsync", size), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "file"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			for b.Loop() {
				if _, err := f.Write(make([]byte, size)); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
		for name, store := range map[string]func(*log, int, int) error{
			"async": storeAsync, "atomic": storeAtomic, "bundle": storeBundle,
		} {
			b.Run(fmt.Sprintf("%dB/%s", size, name), func(b *testing.B) {
				l := openTest(b, Options{})
				s, err := l.js.Stream(context.Background(), streamName)
				if err != nil {
					b.Fatal(err)
				}
				c := s.CachedInfo().Config
				c.AllowAtomicPublish = true
				if _, err := l.js.UpdateStream(context.Background(), c); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := store(l, n, size); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

const benchSubject = subjectPrefix + string(SignalTraces)

func storeAsync(l *log, n, size int) error {
	acks := make([]jetstream.PubAckFuture, n)
	for i := range acks {
		var err error
		if acks[i], err = l.js.PublishMsgAsync(&nats.Msg{Subject: benchSubject, Data: make([]byte, size)}); err != nil {
			return err
		}
	}
	for _, a := range acks {
		select {
		case <-a.Ok():
		case err := <-a.Err():
			return err
		}
	}
	return nil
}

func storeAtomic(l *log, n, size int) error {
	id := nats.NewInbox()
	for i := 1; i < n; i++ {
		m := batchMessage(id, i, size)
		if err := l.conn.PublishMsg(m); err != nil {
			return err
		}
	}
	m := batchMessage(id, n, size)
	m.Header.Set("Nats-Batch-Commit", "1")
	answer, err := l.conn.RequestMsg(m, DefaultAppendTimeout)
	if err == nil && !strings.Contains(string(answer.Data), `"count"`) {
		err = fmt.Errorf("atomic batch: %s", answer.Data)
	}
	return err
}

func batchMessage(id string, seq, size int) *nats.Msg {
	m := &nats.Msg{Subject: benchSubject, Header: nats.Header{}, Data: make([]byte, size)}
	m.Header.Set("Nats-Batch-Id", id)
	m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(seq))
	return m
}

func storeBundle(l *log, n, size int) error {
	_, err := l.js.PublishMsg(context.Background(), &nats.Msg{Subject: benchSubject, Data: make([]byte, n*size)})
	return err
}

// BenchmarkResident reports the resident memory of the process with an idle log and after
// 20,000 appends of 1 KB.
func BenchmarkResident(b *testing.B) {
	const appends = 20_000
	l := openTest(b, Options{})
	idle := residentMB(b)
	for b.Loop() {
		for i := range appends {
			mustAppend(b, l, record(i, 1000))
		}
	}
	b.ReportMetric(idle, "idle_MB")
	b.ReportMetric(residentMB(b), "after_MB")
}

func residentMB(b *testing.B) float64 {
	b.Helper()
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return float64(resident*os.Getpagesize()) / 1e6
}
