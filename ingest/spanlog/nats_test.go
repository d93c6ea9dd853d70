package spanlog

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// waitFor waits until ok is true; only a broken test meets the limit.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// natsServer is a real NATS server on the loopback, as an operator would run it.
type natsServer struct {
	*server.Server
	options *server.Options
}

func natsOptions(t testing.TB) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		MaxPayload: DefaultMaxPayloadBytes + headerHeadroom, MaxPending: serverMaxPendingBytes,
	}
}

func runNATS(t testing.TB, o *server.Options) *natsServer {
	t.Helper()
	n := &natsServer{options: o}
	n.start(t)
	t.Cleanup(func() { n.stop() })
	return n
}

func (n *natsServer) start(t testing.TB) {
	t.Helper()
	s, err := server.NewServer(n.options.Clone())
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(serverStartTimeout) {
		t.Fatal("the server does not listen")
	}
	n.Server = s
	// The same address after a restart, so that clients find it again.
	n.options.Port = s.Addr().(*net.TCPAddr).Port
}

func (n *natsServer) stop() {
	n.Shutdown()
	n.WaitForShutdown()
}

// freePorts finds ports for the routes, which every server has to know before the first starts.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// runCluster runs three servers that replicate to each other, and returns them with their URLs.
func runCluster(t testing.TB) ([]*natsServer, string) {
	t.Helper()
	const size = 3
	ports := freePorts(t, size)
	var routes []*url.URL
	for _, p := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", p)})
	}
	nodes, urls := make([]*natsServer, size), make([]string, size)
	for i := range size {
		o := natsOptions(t)
		o.ServerName = fmt.Sprintf("n%d", i)
		o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: ports[i]}
		o.Routes = routes
		nodes[i] = runNATS(t, o)
	}
	for i, n := range nodes {
		urls[i] = n.ClientURL()
	}
	waitFor(t, "a leader of the cluster", func() bool {
		for _, n := range nodes {
			if n.JetStreamIsLeader() && len(n.JetStreamClusterPeers()) == size {
				return true
			}
		}
		return false
	})
	return nodes, strings.Join(urls, ",")
}

// leader returns the node that leads the stream, and the others.
func leader(t testing.TB, l *log, nodes []*natsServer, stream string) (lead *natsServer, others []*natsServer) {
	t.Helper()
	waitFor(t, "a leader of the stream", func() bool {
		s, err := l.js.Stream(context.Background(), stream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		lead, others = nil, nil
		for _, n := range nodes {
			if n.Name() == s.CachedInfo().Cluster.Leader {
				lead = n
			} else {
				others = append(others, n)
			}
		}
		return lead != nil
	})
	return lead, others
}

// appendUntilStored repeats an append as an exporter would: after every retryable error.
func appendUntilStored(ctx context.Context, l *log, r Record) (uint64, error) {
	for {
		seq, _, err := l.Append(ctx, r)
		if _, again := RetryAfter(err); !again {
			return seq, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-time.After(reconnectWait):
		}
	}
}

// loadUntil appends from several goroutines until stop is closed, and returns what was stored.
func loadUntil(t testing.TB, l *log, stop <-chan struct{}, stored chan<- struct{}) func() map[uint64]int {
	t.Helper()
	const publishers = 4
	type result struct {
		seqs map[uint64]int
		err  error
	}
	results := make(chan result, publishers)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	for p := range publishers {
		go func() {
			got := result{seqs: map[uint64]int{}}
			for i := p; got.err == nil; i += publishers {
				select {
				case <-stop:
					results <- got
					return
				default:
				}
				var seq uint64
				if seq, got.err = appendUntilStored(ctx, l, record(i, 2000)); got.err == nil {
					got.seqs[seq] = i
					select {
					case stored <- struct{}{}:
					default:
					}
				}
			}
			results <- got
		}()
	}
	return func() map[uint64]int {
		defer cancel()
		all := map[uint64]int{}
		for range publishers {
			got := <-results
			if got.err != nil {
				t.Errorf("append: %v", got.err)
			}
			for seq, i := range got.seqs {
				if other, twice := all[seq]; twice {
					t.Errorf("records %d and %d were both acknowledged at position %d", i, other, seq)
				}
				all[seq] = i
			}
		}
		return all
	}
}

// checkStored reads the whole log: everything in want is there, byte for byte, nothing twice.
func checkStored(t testing.TB, l *log, r Reader, want map[uint64]int) {
	t.Helper()
	last := lastSeq(t, l)
	ids := map[string]uint64{}
	err := r.Range(context.Background(), 1, last, func(e Entry) error {
		id := contentID(e.Record)
		if first, twice := ids[id]; twice {
			t.Errorf("positions %d and %d hold the same record", first, e.Seq)
		}
		ids[id] = e.Seq
		if i, ok := want[e.Seq]; ok && id == contentID(record(i, len(e.Payload))) {
			delete(want, e.Seq)
		}
		return e.Err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) > 0 {
		t.Errorf("%d acknowledged records are missing or changed", len(want))
	}
}

func lastSeq(t testing.TB, l *log) uint64 {
	t.Helper()
	s, err := l.js.Stream(context.Background(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// rawDelete removes one message, as an operator or a damaged disk could.
func rawDelete(t testing.TB, l *log, seqs ...uint64) {
	t.Helper()
	s, err := l.js.Stream(context.Background(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range seqs {
		if err := s.DeleteMsg(context.Background(), seq); err != nil {
			t.Fatal(err)
		}
	}
}
