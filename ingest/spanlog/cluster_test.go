package spanlog

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClusterSurvivesOneServer kills the leader of the stream while four publishers append.
func TestClusterSurvivesOneServer(t *testing.T) {
	t.Parallel()
	nodes, urls := runCluster(t)
	l := openExternal(t, Options{URL: urls, Replicas: len(nodes)})
	r := mustReader(t, l, "writer")
	stop, stored := make(chan struct{}), make(chan struct{})
	wait := loadUntil(t, l, stop, stored)
	for range 50 {
		<-stored
	}
	lead, _ := leader(t, l, nodes, streamName)
	lead.stop()
	for range 100 {
		<-stored
	}
	lead.start(t)
	for range 50 {
		<-stored
	}
	close(stop)
	acked := wait()
	t.Logf("%d records were acknowledged", len(acked))
	waitFor(t, "all replicas", func() bool { return replicasCurrent(l, streamName, len(nodes)) })
	checkStored(t, l, r, acked)
	in := Intent{First: 1, Last: lastSeq(t, l), Token: "t"}
	if err := errors.Join(r.Begin(context.Background(), in), r.Commit(context.Background(), in)); err != nil {
		t.Error(err)
	}
}

// TestClusterRange reads a range whose tail, middle and whole were deleted: it ends.
func TestClusterRange(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	nodes, urls := runCluster(t)
	l := openExternal(t, Options{URL: urls, Replicas: len(nodes)})
	r := mustReader(t, l, "writer")
	for i := 1; i <= 10; i++ {
		mustAppend(t, l, record(i, 500))
	}
	rawDelete(t, l, 4, 8, 9, 10)
	for _, c := range []struct {
		first, last uint64
		want        []uint64
	}{
		{1, 10, []uint64{1, 2, 3, 5, 6, 7}},
		{3, 5, []uint64{3, 5}},
		{4, 4, nil},
		{8, 10, nil},
		{7, 9, []uint64{7}},
	} {
		var got []uint64
		err := r.Range(ctx, c.first, c.last, func(e Entry) error {
			got = append(got, e.Seq)
			return e.Err
		})
		if err != nil {
			t.Errorf("range %d to %d: %v", c.first, c.last, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("range %d to %d: %s", c.first, c.last, diff)
		}
	}
	if err := r.Range(ctx, 1, 11, func(Entry) error { return nil }); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a range that reaches behind what the leader has: %v", err)
	}
	// What the leader answers when no replica has it is the record itself.
	got, err := l.leaderNext(ctx, 4, 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Entry{{Seq: 5, Record: record(5, 500)}}, got); diff != "" {
		t.Error(diff)
	}
}

// TestClusterWithoutQuorum: two of three servers away is retryable, never an acknowledgement.
func TestClusterWithoutQuorum(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	nodes, urls := runCluster(t)
	l := openExternal(t, Options{URL: urls, Replicas: len(nodes), AppendTimeout: reconnectWait * 5})
	r := mustReader(t, l, "writer")
	mustAppend(t, l, record(1, 100))
	lead, others := leader(t, l, nodes, streamName)
	lead.stop()
	others[0].stop()
	_, _, err := l.Append(ctx, record(2, 100))
	if after, again := RetryAfter(err); !errors.Is(err, ErrUnavailable) || !again || after <= 0 {
		t.Errorf("append without a quorum: %v", err)
	}
	lead.start(t)
	others[0].start(t)
	if _, err := appendUntilStored(ctx, l, record(2, 100)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all replicas", func() bool { return replicasCurrent(l, streamName, len(nodes)) })
	checkStored(t, l, r, map[uint64]int{1: 1})
}

func replicasCurrent(l *log, stream string, n int) bool {
	s, err := l.js.Stream(context.Background(), stream)
	if err != nil || s.CachedInfo().Cluster == nil || s.CachedInfo().Cluster.Leader == "" {
		return false
	}
	current := 1
	for _, p := range s.CachedInfo().Cluster.Replicas {
		if p.Current && p.Lag == 0 {
			current++
		}
	}
	return current == n
}
