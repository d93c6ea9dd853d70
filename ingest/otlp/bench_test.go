package otlp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"github.com/tiltmeter/tiltmeter/ingest/spanlog"
)

// BenchmarkExport sends requests through real clients to a log that takes everything at once: what
// receiving costs, both sides of the socket counted.
func BenchmarkExport(b *testing.B) {
	nothing := &recorder{answer: func(context.Context, spanlog.Record) (bool, error) { return false, nil }}
	for _, n := range []int{1, 200} {
		body := spansOf(b, n, 1400)
		for _, enc := range []string{encoding.Identity, "gzip", "zstd"} {
			b.Run(fmt.Sprintf("grpc/%dspans/%s", n, enc), func(b *testing.B) {
				r := start(b, Config{}, Deps{}, nothing)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				b.RunParallel(func(p *testing.PB) {
					for p.Next() {
						if _, err := r.export(context.Background(), traces, body, grpc.UseCompressor(enc)); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
		b.Run(fmt.Sprintf("http/%dspans", n), func(b *testing.B) {
			r := start(b, Config{}, Deps{}, nothing)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := r.client.Post("http://"+r.HTTPAddr().String()+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}

// BenchmarkJSON converts the largest request of a real client.
func BenchmarkJSON(b *testing.B) {
	var body []byte
	for name, c := range captured(b, "*.traces.json") {
		if len(c) > len(body) && signalOf(name) == traces {
			body = c
		}
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := toProto(body, traces); err != nil {
			b.Fatal(err)
		}
	}
}
