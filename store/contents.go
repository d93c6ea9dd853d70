package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/store/content"
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

// fetch gets everything that the first pass noted: the nodes of lists level by level, then texts.
func (s *Store) fetch(ctx context.Context, at place, p *pieces) error {
	p.members = map[content.Hash][]content.Hash{}
	nodes := map[content.Hash][]content.Hash{}
	for _, l := range p.lists {
		members, err := content.Expand(l, func(want []content.Hash) ([][]content.Hash, error) {
			return s.children(ctx, at, nodes, want)
		})
		if err != nil {
			return err
		}
		p.members[listKey(l)] = members
	}
	return nil
}

func (s *Store) children(ctx context.Context, at place, nodes map[content.Hash][]content.Hash, want []content.Hash) ([][]content.Hash, error) {
	missing := slices.DeleteFunc(slices.Clone(want), func(h content.Hash) bool { _, ok := nodes[h]; return ok })
	for part := range slices.Chunk(missing, hashesPerQuery) {
		err := s.each(ctx, "children", listChildren, at.params(part), func(r driver.Rows) error {
			var h string
			var list []string
			if err := r.Scan(&h, &list); err != nil {
				return err
			}
			children := make([]content.Hash, len(list))
			for i := range list {
				children[i] = content.Hash([]byte(list[i]))
			}
			nodes[content.Hash([]byte(h))] = children
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read list nodes: %w", err)
		}
	}
	out := make([][]content.Hash, len(want))
	for i, h := range want {
		var ok bool
		if out[i], ok = nodes[h]; !ok {
			return nil, fmt.Errorf("read list node %s: %w", h, content.ErrBroken)
		}
	}
	return out, nil
}

// texts gets the texts that the passes noted.
func (s *Store) texts(ctx context.Context, at place, p *pieces) error {
	found := make(map[content.Hash]string, len(p.hashes))
	for part := range slices.Chunk(slices.Collect(maps.Keys(p.hashes)), hashesPerQuery) {
		err := s.each(ctx, "texts", contentBodies, at.params(part), func(r driver.Rows) error {
			var h, body string
			err := r.Scan(&h, &body)
			if err == nil {
				found[content.Hash([]byte(h))] = body
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read contents: %w", err)
		}
	}
	for h := range p.hashes {
		if _, ok := found[h]; !ok {
			return fmt.Errorf("read content %s: %w", h, content.ErrBroken)
		}
	}
	p.texts = found
	return nil
}

// resolve runs read three times: to note lists, to note texts, and to read.
func (s *Store) resolve(ctx context.Context, at place, read func(*pieces) error) error {
	p := &pieces{hashes: map[content.Hash]struct{}{}}
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
	if err := s.texts(ctx, at, p); err != nil {
		return err
	}
	return read(p)
}
