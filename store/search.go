package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

const (
	// maxHits bounds the contents that one search follows to spans, newest days first: their names
	// travel back to the engine, 33 characters each. A word that more contents hold finds nearly every trace anyway.
	maxHits = 5000
	// maxClimb is how many levels of list nodes a search climbs: 16 · 8^4 messages on average.
	maxClimb = 4
	// smallSet is up to how many names the engine compares one by one, by which the skip index helps.
	smallSet = 64
	// snippetBytes is how much of a content a hit shows, and before is how much of it before the first word.
	snippetBytes, snippetBefore = 240, 60
)

const contentHits = `
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})
ORDER BY day DESC, hash LIMIT 1 BY hash LIMIT {limit:UInt32}`

const nodesOf = `
SELECT DISTINCT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), children)
LIMIT {limit:UInt32}`

const searchSpans = `
SELECT trace_id, span_id, start, name, service, arrayFilter(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), refs)
FROM spans
WHERE project = {project:String}
  AND start >= fromUnixTimestamp64Nano({from:Int64})
  AND (start, trace_id) < (fromUnixTimestamp64Nano({to:Int64}), toFixedString(unhex({before:String}), 16))
  AND %s%s
ORDER BY start, span_id LIMIT 1 BY trace_id`

const searchPage = `SELECT * FROM (%s) ORDER BY start DESC, trace_id DESC LIMIT {limit:UInt32}`

// terms are the words of a search as the index has them.
func terms(words string) []string {
	return strings.FieldsFunc(asciiLower(words), func(r rune) bool {
		return r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// contentHits finds the contents that hold all words, and the list nodes above them.
func (s *Store) contentHits(ctx context.Context, project, words string, first, last uint16) (all []content.Hash, err error) {
	list := terms(words)
	if len(list) == 0 {
		return nil, nil
	}
	base := params{{"project", project}, {"first", dayString(first)}, {"last", dayString(last)}, {"limit", strconv.Itoa(maxHits)}}
	level, err := s.hashQuery(ctx, "contentHits", contentHits, append(slices.Clone(base), param{"words", strings.Join(list, " ")}))
	for range maxClimb {
		if err != nil {
			return nil, fmt.Errorf("search contents for %q: %w", words, err)
		}
		all = append(all, level...)
		if len(level) == 0 || len(all) >= maxHits {
			break
		}
		level, err = s.hashQuery(ctx, "contentHits", nodesOf, append(slices.Clone(base), param{"hits", hashNames(level)}))
	}
	return all[:min(len(all), maxHits)], err
}

func (s *Store) hashQuery(ctx context.Context, method, sql string, ps params) (list []content.Hash, err error) {
	err = s.each(ctx, method, sql, ps, func(r driver.Rows) error {
		var h string
		err := r.Scan(&h)
		list = append(list, content.Hash([]byte(h)))
		return err
	})
	return list, err
}

func hashNames(list []content.Hash) string {
	var b strings.Builder
	for i, h := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(hex.EncodeToString(h[:]))
	}
	return b.String()
}

// holds is the condition that a row refers to one of the contents. A few names are compared as
// constants, which lets the skip index on refs leave out granules.
func holds(hits []content.Hash) (string, param) {
	p := param{"hits", hashNames(hits)}
	if len(hits) <= smallSet {
		return "hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))", p
	}
	return "arrayExists(x -> x IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)), refs)", p
}

// SearchContents finds the contents that hold all words, newest first, one hit a trace: on the
// first span of the trace that has such a content.
func (s *Store) SearchContents(ctx context.Context, q SearchQuery) (page SearchPage, err error) {
	from, to := bounds(q.From, q.To)
	hits, err := s.contentHits(ctx, q.Project, q.Words, dayOf(from), dayOf(to))
	if err != nil || len(hits) == 0 {
		return page, err
	}
	at := position{nanos: to}
	if !q.After.IsZero() {
		at = position{clampNano(q.After.Start), q.After.TraceID}
	}
	limit := pageSize(q.Limit)
	cond, p := holds(hits)
	w := q.Filter.build()
	filter := ""
	if len(w.sql) > 0 {
		filter = " AND " + strings.Join(w.sql, " AND ")
	}
	ps := append(w.params, p, param{"project", q.Project}, nanoParam("from", from), nanoParam("to", at.nanos),
		param{"before", at.id.String()}, param{"limit", strconv.Itoa(limit + 1)})
	var refs [][]content.Hash
	err = s.each(ctx, "SearchContents", fmt.Sprintf(searchPage, fmt.Sprintf(searchSpans, cond, filter)), ps, func(r driver.Rows) error {
		var h SearchHit
		var trace, span string
		var found []string
		err := r.Scan(&trace, &span, &h.Start, &h.SpanName, &h.Service, &found)
		copy(h.TraceID[:], trace)
		copy(h.SpanID[:], span)
		h.Start = h.Start.UTC()
		page.Hits, refs = append(page.Hits, h), append(refs, hashes(found))
		return err
	})
	if err != nil {
		return SearchPage{}, fmt.Errorf("search spans for %q: %w", q.Words, err)
	}
	if len(page.Hits) > limit {
		page.Hits, refs = page.Hits[:limit], refs[:limit]
		page.Next = Cursor{page.Hits[limit-1].Start, page.Hits[limit-1].TraceID}
	}
	return page, s.snippets(ctx, q, hits, page.Hits, refs)
}

// snippets fills in what the hits show. A span that holds its contents in a list has the list's
// node among refs: then the members that hold the words are looked up below it.
func (s *Store) snippets(ctx context.Context, q SearchQuery, hits []content.Hash, page []SearchHit, refs [][]content.Hash) error {
	at := place{project: q.Project}
	bodies := &pieces{hashes: map[content.Hash]struct{}{}}
	isHit := make(map[content.Hash]bool, len(hits))
	for _, h := range hits {
		isHit[h] = true
	}
	for i := range page {
		at.add(dayOf(page[i].Start.UnixNano()))
	}
	nodes := map[content.Hash][]content.Hash{}
	for i := range refs {
		for range maxClimb {
			if len(refs[i]) == 0 {
				break
			}
			below, isNode, err := s.nodeChildren(ctx, at, nodes, refs[i][0])
			if err != nil {
				return err
			}
			if !isNode {
				bodies.hashes[refs[i][0]] = struct{}{}
				break
			}
			refs[i] = slices.DeleteFunc(below, func(h content.Hash) bool { return !isHit[h] })
		}
	}
	if err := s.texts(ctx, at, bodies); err != nil {
		return err
	}
	for i := range page {
		if len(refs[i]) > 0 {
			page[i].show(bodies.texts[refs[i][0]], terms(q.Words))
		}
	}
	return nil
}

func (s *Store) nodeChildren(ctx context.Context, at place, nodes map[content.Hash][]content.Hash, h content.Hash) (list []content.Hash, isNode bool, err error) {
	if _, known := nodes[h]; !known {
		err = s.each(ctx, "nodeChildren", listChildren, at.params([]content.Hash{h}), func(r driver.Rows) error {
			var name string
			var children []string
			err := r.Scan(&name, &children)
			nodes[h] = hashes(children)
			return err
		})
	}
	return slices.Clone(nodes[h]), len(nodes[h]) > 0, err
}

// show cuts the stretch of body around the first word, and marks the words in it.
func (h *SearchHit) show(body string, words []string) {
	if m := decodeMessage(body); len(m.Parts) > 0 && m.Role != "" {
		h.Role = string(m.Role)
		body = plain(m.Parts)
	}
	lower := asciiLower(body)
	first := len(body)
	for _, w := range words {
		if i := wordIndex(lower, w, 0); i >= 0 && i < first {
			first = i
		}
	}
	if first == len(body) {
		first = 0
	}
	start := max(0, first-snippetBefore)
	for start > 0 && !utf8.RuneStart(body[start]) {
		start--
	}
	end := min(len(body), start+snippetBytes)
	for end < len(body) && !utf8.RuneStart(body[end]) {
		end--
	}
	h.Snippet = body[start:end]
	for _, w := range words {
		for i := wordIndex(lower[start:end], w, 0); i >= 0; i = wordIndex(lower[start:end], w, i+len(w)) {
			h.Highlights = append(h.Highlights, Highlight{i, i + len(w)})
		}
	}
	slices.SortFunc(h.Highlights, func(a, b Highlight) int { return a.Start - b.Start })
}

// plain is the text of a message as people read it.
func plain(parts []genai.Part) string {
	var texts []string
	for i := range parts {
		for _, t := range []string{parts[i].Content, parts[i].Name, string(parts[i].Arguments), string(parts[i].Response), string(parts[i].Raw)} {
			if t != "" {
				texts = append(texts, t)
			}
		}
	}
	return strings.Join(texts, "\n")
}

// asciiLower keeps every byte in its place, as the index does.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// wordIndex finds w as a whole word.
func wordIndex(s, w string, from int) int {
	for from <= len(s) {
		i := strings.Index(s[from:], w)
		if i < 0 {
			return -1
		}
		i += from
		if (i == 0 || !wordByte(s[i-1])) && (i+len(w) == len(s) || !wordByte(s[i+len(w)])) {
			return i
		}
		from = i + 1
	}
	return -1
}

func wordByte(c byte) bool {
	return c >= utf8.RuneSelf || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
