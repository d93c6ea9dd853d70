package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/store/content"
)

// Budgets for the bytes of texts that one answer holds in memory; each is there once, however many
// spans have it.
const (
	// spanBudget is above what one span can have: a request's bytes, and those of its log records.
	spanBudget = 256 << 20
	// traceBudget is for what a trace's spans have in log records alone.
	traceBudget = 64 << 20
	// listBudget is for the beginnings of messages that a list of traces shows.
	listBudget = 16 << 20
)

// hashesPerQuery bounds one look-up: names travel in the URL as 32 characters each, and servers
// take URLs of up to 64 KiB at least.
const hashesPerQuery = 1000

const contentBodies = `
SELECT hash, body FROM contents
WHERE project = {project:String} AND day IN {days:Array(Date)}
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))
UNION ALL
SELECT hash, body FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND empty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))`

const listChildren = `
SELECT hash, children FROM chunks
WHERE project = {project:String} AND day IN {days:Array(Date)} AND notEmpty(children)
  AND hash IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hashes:String}))), 16))`

// where contents are: those of a span have its day.
type place struct {
	project string
	days    []uint16
}

func (p place) params(hashes []content.Hash) params {
	days := make([]string, len(p.days))
	for i, d := range p.days {
		days[i] = "'" + dayString(d) + "'"
	}
	var names strings.Builder
	for i, h := range hashes {
		if i > 0 {
			names.WriteByte(',')
		}
		names.WriteString(hex.EncodeToString(h[:]))
	}
	return params{{"project", p.project}, {"days", "[" + strings.Join(days, ",") + "]"}, {"hashes", names.String()}}
}

// fetch expands the lists that the first pass noted. Nodes are read a level at a time over all lists:
// the histories of an agent share nearly all of them.
func (s *Store) fetch(ctx context.Context, at place, p *pieces) error {
	nodes := map[content.Hash][]content.Hash{}
	level := map[content.Hash]int{}
	for _, l := range p.lists {
		for _, h := range l.Refs {
			level[h] = max(level[h], min(l.Level, content.MaxLevel))
		}
	}
	for len(level) > 0 {
		want := slices.SortedFunc(maps.Keys(level), func(a, b content.Hash) int { return bytes.Compare(a[:], b[:]) })
		if err := s.readNodes(ctx, at, nodes, want); err != nil {
			return err
		}
		below := map[content.Hash]int{}
		for h, n := range level {
			if n < 2 {
				continue
			}
			for _, child := range nodes[h] {
				below[child] = max(below[child], n-1)
			}
		}
		level = below
	}
	p.members = make(map[content.Hash][]content.Hash, len(p.lists))
	for _, l := range p.lists {
		key := listKey(l)
		if _, ok := p.members[key]; ok {
			continue
		}
		members, err := content.Expand(l, func(want []content.Hash) ([][]content.Hash, error) {
			out := make([][]content.Hash, len(want))
			for i, h := range want {
				var ok bool
				if out[i], ok = nodes[h]; !ok {
					return nil, fmt.Errorf("read list node %s: %w", h, content.ErrBroken)
				}
			}
			return out, nil
		})
		if err != nil {
			return err
		}
		p.members[key] = members
	}
	return nil
}

// readNodes reads the children of list nodes that are not known yet; what is no node stays unknown.
func (s *Store) readNodes(ctx context.Context, at place, nodes map[content.Hash][]content.Hash, want []content.Hash) error {
	missing := slices.DeleteFunc(slices.Clone(want), func(h content.Hash) bool { _, ok := nodes[h]; return ok })
	for part := range slices.Chunk(missing, hashesPerQuery) {
		err := s.each(ctx, "listChildren", listChildren, at.params(part), func(r driver.Rows) error {
			var h string
			var list []string
			if err := r.Scan(&h, &list); err != nil {
				return err
			}
			nodes[content.Hash([]byte(h))] = hashes(list)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read list nodes: %w", err)
		}
	}
	return nil
}

// errBudget ends the reading of texts when there are too many bytes of them.
var errBudget = errors.New("the texts exceed their budget")

// texts gets the texts that the passes noted, in the order in which they were asked for, as long as
// they fit into the budget.
func (s *Store) texts(ctx context.Context, at place, p *pieces, budget int64) error {
	p.texts = make(map[content.Hash]string, len(p.need))
	for part := range slices.Chunk(p.need, hashesPerQuery) {
		err := s.textsOf(ctx, at, p, part, &budget)
		if errors.Is(err, errBudget) {
			return nil // pieces.missed says so to who reads on
		}
		if err != nil {
			return fmt.Errorf("read contents: %w", err)
		}
	}
	return nil
}

// textsOf reads part of the texts. They come in no order, so that of a part that does not fit each half is tried.
func (s *Store) textsOf(ctx context.Context, at place, p *pieces, part []content.Hash, budget *int64) error {
	found := make(map[content.Hash]string, len(part))
	left := *budget
	err := s.each(ctx, "contentBodies", contentBodies, at.params(part), func(r driver.Rows) error {
		var name, body string
		if err := r.Scan(&name, &body); err != nil {
			return err
		}
		h := content.Hash([]byte(name))
		if _, ok := found[h]; ok {
			return nil // of another day
		}
		if left -= int64(len(body)); left < 0 {
			return errBudget
		}
		found[h] = body
		return nil
	})
	if n := len(part) / 2; errors.Is(err, errBudget) && n > 0 {
		if err := s.textsOf(ctx, at, p, part[:n], budget); err != nil {
			return err
		}
		return s.textsOf(ctx, at, p, part[n:], budget)
	}
	if err != nil {
		return err
	}
	for _, h := range part {
		text, ok := found[h]
		if !ok {
			return fmt.Errorf("content %s: %w", h, content.ErrBroken)
		}
		p.texts[h] = text
	}
	*budget = left
	return nil
}

// resolve runs read three times: to note lists, to note texts, and to read. When the texts do not fit
// into the budget, the last run finds pieces.missed set behind what it could not read whole.
func (s *Store) resolve(ctx context.Context, at place, budget int64, read func(*pieces) error) error {
	p := &pieces{asked: map[content.Hash]bool{}}
	if err := read(p); err != nil {
		return err
	}
	if err := s.fetch(ctx, at, p); err != nil {
		return err
	}
	if len(p.lists) > 0 {
		if err := read(p); err != nil {
			return err
		}
	}
	if err := s.texts(ctx, at, p, budget); err != nil {
		return err
	}
	return read(p)
}
