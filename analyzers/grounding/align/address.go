package align

// Web addresses: what an answer points its reader at must stand in what it was given.

import (
	"strings"
)

// address is a web address within a sentence.
type address struct {
	sentence   int32
	start, end int32 // bytes of its text
	whole      uint32
	host       uint32
	bare       bool // names a host alone
}

// maxAddresses bounds the addresses of a page; further ones are words like others.
const maxAddresses = 256

// addresses finds the web addresses of a sentence.
func (p *page) addresses(s string, from, to int, sentence int32) {
	for i := from; i < to && len(p.urls) < maxAddresses; {
		k := strings.Index(s[i:to], "://")
		w := strings.Index(s[i:to], "www.")
		switch {
		case k < 0 && w < 0:
			return
		case k < 0 || w >= 0 && w < k:
			k = w
		default:
			k += len("://")
		}
		start := i + k
		end := start
		for end < to && s[end] > ' ' && !strings.ContainsRune("<>\"'`|)]}", rune(s[end])) {
			end++
		}
		i = max(end, start+1)
		u := strings.TrimPrefix(strings.TrimRight(s[start:end], ".,;:!?/*_"), "www.")
		host, path, _ := strings.Cut(u, "/")
		if !strings.Contains(host, ".") {
			continue
		}
		for scheme := start - len("://"); scheme >= from && s[scheme:start] != "" && strings.Contains(s[scheme:start], "://"); scheme-- {
			if scheme == from || !letter(s[scheme-1]) {
				start = scheme
				break
			}
		}
		p.urls = append(p.urls, address{
			sentence: sentence, start: int32(start), end: int32(end),
			whole: hash([]byte(u)), host: hash([]byte(host)), bare: path == "",
		})
	}
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// holds reports whether the page has an address: as it is, or its host when it names no more.
func (p *page) holds(u *address) bool {
	for i := range p.urls {
		if o := &p.urls[i]; o.whole == u.whole || u.bare && o.host == u.host {
			return true
		}
	}
	return false
}

// addresses counts the addresses of sentence i that stand nowhere.
func (a *Aligner) addresses(i int, s *sentence, out *Sentence) {
	for k := range a.answer.urls {
		u := &a.answer.urls[k]
		if int(u.sentence) != i || a.src.holds(u) || a.asked.holds(u) {
			continue
		}
		out.Features[fNewURLs]++
		out.note(NewURL, s, &word{start: u.start, end: u.end}, nil, nil)
	}
}
