package store

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tiltmeter/tiltmeter/genai"
	"github.com/tiltmeter/tiltmeter/store/content"
)

const (
	// maxHits bounds the contents whose names travel back to the engine, 33 characters each. When more
	// hold the words, the engine finds them again by itself, with each statement.
	maxHits = 5000
	// maxSet bounds the names that the engine keeps in memory for one statement then: some 250 MB of its own.
	// Beyond, the statement is refused and the caller told (ErrTooBroad), so that nothing is left out in silence.
	maxSet = 5_000_000
	// maxClimb is how many levels of list nodes a search climbs: 16 · 8^4 messages on average.
	maxClimb = 4
	// maxBelow bounds the members of lists that are looked at for the snippets of one page. A hit
	// beyond it is found and has none.
	maxBelow = 50_000
	// smallSet is up to how many names the engine compares one by one, by which the skip index helps.
	smallSet = 64
	// snippetBytes is how much of a content a hit shows, and before is how much of it before the first word.
	snippetBytes, snippetBefore = 240, 60
)

// ErrTooBroad says that words occur in more contents than a search can follow.
var ErrTooBroad = errors.New("the words occur in too many contents: name more words, or a shorter time")

// tooBroad gives the engine's refusal of a set that is too large its name (SET_SIZE_LIMIT_EXCEEDED).
func tooBroad(err error) error {
	if e, ok := errors.AsType[*clickhouse.Exception](err); ok && e.Code == 191 {
		return ErrTooBroad
	}
	return err
}

const contentHits = `
SELECT hash FROM contents
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND hasAllTokens(body, {words:String})`

const someContentHits = contentHits + `
LIMIT 1 BY hash LIMIT {limit:UInt32}`

const nodesAbove = `
SELECT hash FROM chunks
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND notEmpty(children)
  AND arrayExists(x -> x IN (%s), children)`

const someNodesAbove = nodesAbove + `
LIMIT 1 BY hash LIMIT {limit:UInt32}`

// namedHits are names that come as a parameter.
const namedHits = `SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {hits:String}))), 16)`

// holdingTraces are those with a content that holds the words, on a span or in its log records.
const holdingTraces = `trace_id IN (SELECT trace_id FROM
  (
    SELECT trace_id, refs FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})%[1]s%[2]s
    UNION ALL SELECT trace_id, refs FROM fragments WHERE project = {project:String}
      AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})%[1]s%[3]s
  )%[4]s)`

// tiedTraces are those with a span that records without a trace are tied to, by an id or by their turn, of which one holds the words.
var tiedTraces = `trace_id IN
  (
    SELECT trace_id FROM spans WHERE project = {project:String}
      AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})%[2]s
      AND dialect IN ` + apartDialects + ` AND (response_id IN (` + idsThatHold + `) OR tool_call_id IN (` + idsThatHold + `))
  )`

// idsThatHold are the ids of the records without a trace that hold the words, and those that others of their turn have.
var idsThatHold = `
        SELECT arrayJoin([response_id, call_id]) AS id FROM fragments WHERE ` + untracedBetween + `%[1]s AND length(id) >= ` + uniqueBytes + `
        UNION ALL SELECT response_id FROM fragments WHERE ` + untracedBetween + ` AND length(response_id) >= ` + uniqueBytes + ` AND turn IN
          (SELECT turn FROM fragments WHERE ` + untracedBetween + ` AND turn != ''%[1]s)`

const untracedBetween = `project = {project:String} AND trace_id = ` + noTrace + ` AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})`

// namelessHits counts the records without a span that hold the words, and those of them without a trace.
const namelessHits = `
SELECT count(), countIf(trace_id = ` + noTrace + `) FROM fragments
WHERE project = {project:String} AND time >= fromUnixTimestamp64Nano({log_from:Int64}) AND time < fromUnixTimestamp64Nano({log_until:Int64})
  AND span_id = ` + noSpan + `%s`

// onMatchingSpans ties a log record to a span that matches a filter; one that names no span, to any of its trace.
const onMatchingSpans = `
      AND (trace_id, span_id) IN (SELECT trace_id, arrayJoin([span_id, ` + noSpan + `]) FROM spans WHERE project = {project:String}
        AND start >= fromUnixTimestamp64Nano({from:Int64}) AND start < fromUnixTimestamp64Nano({until:Int64})%s)`

// The first span of each trace that holds one of the contents, itself or in log records that name it.
const searchSpans = `
SELECT trace_id, span_id, if(spanned, start, at) AS began, name, service, found
FROM
(
  SELECT trace_id, span_id, at, arrayFilter(x -> x IN (%[1]s), refs) AS found FROM
  (
    SELECT trace_id, span_id, start AS at, refs FROM spans WHERE project = {project:String} AND trace_id IN (%[2]s)
      AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})
    UNION ALL SELECT trace_id, span_id, time AS at, refs FROM fragments WHERE project = {project:String} AND trace_id IN (%[2]s)
      AND time BETWEEN fromUnixTimestamp64Nano({log_from:Int64}) AND fromUnixTimestamp64Nano({log_until:Int64}) AND span_id != ` + noSpan + `
  )
  WHERE notEmpty(found)
) AS held
%[3]s JOIN
(
  SELECT trace_id, span_id, start, toString(name) AS name, toString(service) AS service, 1 AS spanned FROM spans
  WHERE project = {project:String} AND trace_id IN (%[2]s)
    AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})%[4]s
) AS heads USING (trace_id, span_id)
ORDER BY began, span_id LIMIT 1 BY trace_id`

// namelessOfNamed are the records of the traces that name no span, with what of the contents each holds.
const namelessOfNamed = `
SELECT ` + recordColumns + `, arrayFilter(x -> x IN (%s), refs) FROM fragments%s AND span_id = ` + noSpan + `
ORDER BY time, seq LIMIT {limit:UInt32}`

// namedSpans are spans that are named, if they match a filter.
const namedSpans = `
SELECT trace_id, span_id, start, toString(name), toString(service) FROM spans
WHERE project = {project:String} AND trace_id IN (` + namedTraces + `)
  AND start BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({to:Int64})%s
  AND span_id IN (SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {spans:String}))), 8))
ORDER BY start, ` + latest + ` LIMIT 1 BY trace_id, span_id`

const namedTraces = `SELECT toFixedString(unhex(arrayJoin(splitByChar(',', {traces:String}))), 16)`

const hitsAmong = contentHits + `
  AND hash IN (` + namedHits + `)`

// terms are the words of a search as the index has them.
func terms(words string) []string {
	return strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return !wordRune(r) })
}

// holding is the condition that a content holds the words, as far as contents are known to.
type holding struct {
	params  params
	hits    string // statement that names the contents, and the list nodes above them
	refs    string // condition on a row's refs, for few names
	nothing bool   // no content holds them
	many    bool   // the engine finds the names itself, and their number must be bounded

	nameless, untraced bool // records without a span hold the words, and such without a trace
}

// holding finds the contents that hold all words and may be on spans of traces that start in [from, to].
func (s *Store) holding(ctx context.Context, project, words string, from, to int64) (h holding, err error) {
	list := terms(words)
	if len(list) == 0 {
		return holding{nothing: true}, nil
	}
	logFrom, logUntil := max(0, from-int64(logSlack)), min(maxTime, untilOf(to)+int64(logSlack))
	days := params{{"first", dayString(dayOf(logFrom))}, {"last", dayString(dayOf(logUntil))}, {"words", strings.Join(list, " ")}}
	h.params = params{nanoParam("log_from", logFrom), nanoParam("log_until", logUntil)}
	names, more, err := s.nameHits(ctx, project, days, someContentHits)
	if err != nil {
		return h, fmt.Errorf("search contents for %q: %w", words, err)
	}
	switch {
	case more:
		if err := s.manyHits(ctx, project, days, &h); err != nil {
			return h, err
		}
	case len(names) == 0:
		return holding{nothing: true}, nil
	default:
		h.hits, h.refs = namedHits, h.among(namedHits)
		if len(names) <= smallSet {
			h.refs = "\n      AND hasAny(refs, arrayMap(x -> toFixedString(unhex(x), 16), splitByChar(',', {hits:String})))"
		}
		h.params = append(h.params, param{"hits", hashNames(names)})
	}
	return h, s.namelessHits(ctx, project, &h)
}

// among is the condition that a row holds a content that a statement names.
func (holding) among(hits string) string {
	return "\n      AND arrayExists(x -> x IN (" + hits + "), refs)"
}

// rowHolds is the condition that a row holds the words.
func (h holding) rowHolds() string { return cmp.Or(h.refs, h.among(h.hits)) }

// namelessHits finds out whether records hold the words of which nobody knows yet whose they are.
func (s *Store) namelessHits(ctx context.Context, project string, h *holding) error {
	ps := append(slices.Clone(h.params), param{"project", project})
	err := s.each(bounding(ctx, h.many), "namelessHits", fmt.Sprintf(namelessHits, h.rowHolds()), ps, func(r driver.Rows) error {
		var nameless, untraced uint64
		err := r.Scan(&nameless, &untraced)
		h.nameless, h.untraced = nameless > 0, untraced > 0
		return err
	})
	if err != nil {
		return fmt.Errorf("search log records: %w", tooBroad(err))
	}
	return nil
}

// manyHits has the engine find the contents by itself. The nodes above them are far fewer as a rule,
// and named: each level that is not costs the engine all levels below it once more.
func (s *Store) manyHits(ctx context.Context, project string, days params, h *holding) error {
	h.params, h.many, h.hits = append(h.params, days...), true, contentHits
	nodes, more, err := s.nameHits(bounding(ctx, true), project, days, fmt.Sprintf(someNodesAbove, contentHits))
	switch {
	case err != nil:
		return fmt.Errorf("search lists: %w", tooBroad(err))
	case more:
		level := contentHits
		for range maxClimb {
			level = fmt.Sprintf(nodesAbove, level)
			h.hits += "\nUNION ALL" + level
		}
	case len(nodes) > 0:
		h.hits += "\nUNION ALL " + namedHits
		h.params = append(h.params, param{"hits", hashNames(nodes)})
	}
	return nil
}

// traces is the condition that a trace holds the words: on a span that matches the filter, when there is one.
func (h holding) traces(filter, spansOf string) string {
	where := ""
	if h.refs == "" {
		where = "\n  WHERE arrayExists(x -> x IN (" + h.hits + "), refs)"
	}
	sql := fmt.Sprintf(holdingTraces, h.refs, filter, spansOf, where)
	if h.untraced {
		sql = "(" + sql + "\n  OR " + fmt.Sprintf(tiedTraces, h.rowHolds(), filter) + ")"
	}
	return "\n  AND " + sql
}

// nameHits finds what a statement names, and the list nodes above it; more says that there are too many to name.
func (s *Store) nameHits(ctx context.Context, project string, days params, statement string) (all []content.Hash, more bool, err error) {
	ps := append(slices.Clone(days), param{"project", project}, param{"limit", strconv.Itoa(s.limits.hits + 1)})
	level, err := s.hashQuery(ctx, "contentHits", statement, ps)
	for range maxClimb {
		all = append(all, level...)
		if err != nil || len(level) == 0 || len(all) > s.limits.hits {
			break
		}
		level, err = s.hashQuery(ctx, "contentHits", fmt.Sprintf(someNodesAbove, namedHits), append(slices.Clone(ps), param{"hits", hashNames(level)}))
	}
	all = append(all, level...)
	return all, len(all) > s.limits.hits, err
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

// SearchContents finds the contents that hold all words on the spans that match, one hit a trace: on
// the first span of the trace that has such a content. Traces come newest first.
func (s *Store) SearchContents(ctx context.Context, q SearchQuery) (page SearchPage, err error) {
	limit := pageSize(q.Limit)
	w := q.Filter.build()
	filter, onSpans := "", ""
	if len(w.sql) > 0 {
		filter = " AND " + strings.Join(w.sql, " AND ")
		onSpans = fmt.Sprintf(onMatchingSpans, filter)
	}
	var held holding
	matching := func(lo, to int64) (m match, err error) {
		held, err = s.holding(ctx, q.Project, q.Words, lo, to)
		if err != nil || held.nothing {
			return match{nothing: true}, err
		}
		m.sql, m.many = held.traces(filter, onSpans), held.many
		if w.spotless {
			m.sql += spotlessTraces
		}
		m.params = slices.Concat(held.params, w.params, params{nanoParam("until", untilOf(to))})
		return m, nil
	}
	var starts []time.Time
	var refs [][]content.Hash
	err = s.walk(ctx, TraceQuery{Project: q.Project, From: q.From, To: q.To, After: q.After}, limit+1, matching, func(batch []TraceSummary) (int, error) {
		hits, found, err := s.spansThatHold(ctx, q.Project, batch, held, filter, w.params)
		for i := range batch {
			if h, ok := hits[batch[i].TraceID]; ok {
				page.Hits, starts, refs = append(page.Hits, h), append(starts, batch[i].Start), append(refs, found[h.TraceID])
			}
		}
		return len(page.Hits), err
	})
	if err != nil {
		return SearchPage{}, err
	}
	if len(page.Hits) > limit {
		page.Hits, refs = page.Hits[:limit], refs[:limit]
		page.Next = Cursor{starts[limit-1], page.Hits[limit-1].TraceID}
	}
	return page, s.snippets(ctx, q, page.Hits, refs)
}

// spansThatHold finds the first span of each trace that holds the words, and what holds them there.
func (s *Store) spansThatHold(ctx context.Context, project string, batch []TraceSummary, h holding, filter string, fp params) (hits map[genai.TraceID]SearchHit, refs map[genai.TraceID][]content.Hash, err error) {
	hits, refs = map[genai.TraceID]SearchHit{}, map[genai.TraceID][]content.Hash{}
	if len(batch) == 0 {
		return hits, refs, nil
	}
	ids := make([]genai.TraceID, len(batch))
	first, last := batch[0].Start, batch[0].End
	for i := range batch {
		ids[i] = batch[i].TraceID
		if batch[i].Start.Before(first) {
			first = batch[i].Start
		}
		if batch[i].End.After(last) {
			last = batch[i].End
		}
	}
	join := "LEFT" // a log record may be there before its span
	if filter != "" {
		join = "INNER"
	}
	ps := slices.Concat(h.params, fp, params{
		{"project", project},
		{"traces", traceNames(ids)},
		nanoParam("from", clampNano(first)), nanoParam("to", clampNano(last)),
	})
	err = s.each(bounding(ctx, h.many), "SearchContents", fmt.Sprintf(searchSpans, h.hits, namedTraces, join, filter), ps, func(r driver.Rows) error {
		var hit SearchHit
		var trace, span string
		var found []string
		err := r.Scan(&trace, &span, &hit.Start, &hit.SpanName, &hit.Service, &found)
		copy(hit.TraceID[:], trace)
		copy(hit.SpanID[:], span)
		hit.Start = hit.Start.UTC()
		hits[hit.TraceID], refs[hit.TraceID] = hit, hashes(found)
		return err
	})
	if err == nil && h.nameless {
		err = s.namelessHold(ctx, project, ids, traceRange{clampNano(first), clampNano(last)}, h, filter, fp, func(hit SearchHit, found []content.Hash) {
			if old, ok := hits[hit.TraceID]; !ok || hit.before(&old) {
				hits[hit.TraceID], refs[hit.TraceID] = hit, found
			}
		})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("search spans: %w", tooBroad(err))
	}
	return hits, refs, nil
}

// before orders hits of one trace: the earliest span, and any span before a record that is a part of none.
func (h *SearchHit) before(o *SearchHit) bool {
	if h.SpanID.IsZero() != o.SpanID.IsZero() {
		return o.SpanID.IsZero()
	}
	return cmp.Or(h.Start.Compare(o.Start), slices.Compare(h.SpanID[:], o.SpanID[:])) < 0
}

// heldRecord is a record with what of the contents it holds.
type heldRecord struct {
	record
	found []content.Hash
}

// namelessHold finds the spans whose records hold the words and do not name them. A record of a trace that is a part of none is
// found with its trace, unless a filter asks for a span.
func (s *Store) namelessHold(ctx context.Context, project string, ids []genai.TraceID, tr traceRange, h holding, filter string, fp params, add func(SearchHit, []content.Hash)) error {
	logs := tr.logs()
	named := params{{"project", project}, {"traces", traceNames(ids)}}
	ps := slices.Concat(h.params, named, params{nanoParam("from", logs.from), nanoParam("to", logs.to), {"limit", strconv.Itoa(s.limits.fragments)}})
	var list []heldRecord
	err := s.each(bounding(ctx, h.many), "namelessHold", fmt.Sprintf(namelessOfNamed, h.hits, recordsOfNamed(h.untraced)), ps, func(r driver.Rows) error {
		var one heldRecord
		var found []string
		err := one.scan(r, &found)
		one.found = hashes(found)
		list = append(list, one)
		return err
	})
	if err == nil {
		list, err = placed(ctx, s, project, ids, tr, list, func(r *heldRecord) *record { return &r.record })
	}
	if err != nil {
		return err
	}
	held := map[spanKey][]content.Hash{}
	var spans []string
	for i := range list {
		one := &list[i]
		key := spanKey{one.trace, one.span}
		switch {
		case len(one.found) == 0:
		case !one.nameless():
			if held[key] == nil {
				spans = append(spans, hexSpan(one.span))
			}
			held[key] = append(held[key], one.found...)
		case filter == "":
			add(SearchHit{TraceID: one.trace, Start: one.head.Time.UTC()}, one.found)
		}
	}
	for part := range slices.Chunk(spans, placesPerQuery) {
		ps := slices.Concat(fp, named, params{nanoParam("from", tr.from), nanoParam("to", tr.to), {"spans", strings.Join(part, ",")}})
		err := s.each(ctx, "namelessHold", fmt.Sprintf(namedSpans, filter), ps, func(r driver.Rows) error {
			var hit SearchHit
			var trace, span string
			err := r.Scan(&trace, &span, &hit.Start, &hit.SpanName, &hit.Service)
			copy(hit.TraceID[:], trace)
			copy(hit.SpanID[:], span)
			hit.Start = hit.Start.UTC()
			if found := held[spanKey{hit.TraceID, hit.SpanID}]; found != nil {
				add(hit, found)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// snippets fills in what the hits show. A span that holds its contents in a list has the list's
// node among refs: then the members that hold the words are looked up below it.
func (s *Store) snippets(ctx context.Context, q SearchQuery, page []SearchHit, refs [][]content.Hash) error {
	at := place{project: q.Project}
	for i := range page {
		day := dayOf(page[i].Start.UnixNano())
		for d := max(day, 1) - 1; d <= day+1; d++ { // log records lie around their span
			at.add(d)
		}
	}
	below, err := s.membersBelow(ctx, at, refs)
	if err != nil {
		return err
	}
	list := terms(q.Words)
	holds := map[content.Hash]bool{}
	bodies := &pieces{asked: map[content.Hash]bool{}}
	for part := range slices.Chunk(slices.Concat(below...), hashesPerQuery) {
		ps := params{
			{"project", q.Project},
			{"first", dayString(slices.Min(at.days))},
			{"last", dayString(slices.Max(at.days))},
			{"words", strings.Join(list, " ")},
			{"hits", hashNames(part)},
		}
		hits, err := s.hashQuery(ctx, "snippets", hitsAmong, ps)
		if err != nil {
			return fmt.Errorf("read snippets: %w", err)
		}
		for _, h := range hits {
			holds[h] = true
		}
	}
	shown := make([]content.Hash, len(page))
	for i := range page {
		if at := slices.IndexFunc(below[i], func(h content.Hash) bool { return holds[h] }); at >= 0 {
			shown[i] = below[i][at]
			bodies.text(shown[i])
		}
	}
	if err := s.texts(ctx, at, bodies, traceBudget); err != nil {
		return err
	}
	for i := range page {
		if !shown[i].IsZero() {
			page[i].show(bodies.texts[shown[i]], list)
		}
	}
	return nil
}

// membersBelow puts the members of lists in the place of their nodes, in their order.
func (s *Store) membersBelow(ctx context.Context, at place, refs [][]content.Hash) ([][]content.Hash, error) {
	nodes := map[content.Hash][]content.Hash{}
	asked := map[content.Hash]bool{}
	for range maxClimb + 1 {
		var want []content.Hash
		total := 0
		for _, list := range refs {
			total += len(list)
			for _, h := range list {
				if !asked[h] {
					asked[h], want = true, append(want, h)
				}
			}
		}
		if len(want) == 0 || total > maxBelow {
			break
		}
		if err := s.readNodes(ctx, at, nodes, want); err != nil {
			return nil, err
		}
		deeper := make([][]content.Hash, len(refs))
		for i, list := range refs {
			for _, h := range list {
				if children, ok := nodes[h]; ok {
					deeper[i] = append(deeper[i], children...)
				} else {
					deeper[i] = append(deeper[i], h)
				}
			}
		}
		refs = deeper
	}
	return refs, nil
}

// show cuts the stretch of body around the first word, and marks the words in it.
func (h *SearchHit) show(body string, words []string) {
	if m := decodeMessage(body); len(m.Parts) > 0 && m.Role != "" {
		h.Role = string(m.Role)
		body = plain(m.Parts)
	}
	body = strings.ToValidUTF8(body, string(utf8.RuneError))
	lower := lowerInPlace(body)
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

// lowerInPlace is the text in lower case with every byte in its place: letters whose lower case has another
// length stay.
func lowerInPlace(s string) string {
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); r != utf8.RuneError && utf8.RuneLen(l) == utf8.RuneLen(r) {
			return l
		}
		return r
	}, s)
}

// wordRune says what words are made of, as the index does.
func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// wordIndex finds w as a whole word.
func wordIndex(s, w string, from int) int {
	for from <= len(s) {
		i := strings.Index(s[from:], w)
		if i < 0 {
			return -1
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[i+len(w):])
		if !wordRune(before) && !wordRune(after) { // RuneError at an end is none
			return i
		}
		from = i + 1
	}
	return -1
}
