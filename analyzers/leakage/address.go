package leakage

// Addresses on networks: e-mail (RFC 5322, the forms that people write) and IP of both versions.

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest parts of an address (RFC 5321, 4.5.3.1, and RFC 1035, 2.3.4).
const (
	maxLocal  = 64
	maxDomain = 255
	maxLabel  = 63
)

// emails notes the e-mail addresses.
func (f *finder) emails() {
	s := f.s
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], '@')
		if i < 0 {
			return
		}
		at += i
		if first := userinfo(s, at); first > 0 {
			f.out = append(f.out, Finding{Kind: KindSecret, Start: first, End: at, Rule: uriRule, Impersonal: sample(s[first:at])})
			continue
		}
		start := localStart(s, at)
		if start == at {
			continue
		}
		end := domainEnd(s, at+1)
		if end == 0 {
			continue
		}
		if s[start:at] == "git" && end < len(s) && s[end] == ':' || fileName(s[:end]) {
			continue // where a repository is, not who
		}
		f.add(KindEmail, start, end)
		f.out[len(f.out)-1].Impersonal = reservedDomain(strings.ToLower(s[at+1:end])) || roles[strings.ToLower(s[start:at])]
	}
}

// uriRule names the rule for passwords in a URI.
const uriRule = "uri-password"

// userinfo is where the password of a URI (scheme://user:password@host) begins, when an @ at that place ends one; else 0.
func userinfo(s string, at int) int {
	floor := max(0, at-2*maxLocal)
	scheme := strings.LastIndex(s[floor:at], "://")
	if scheme < 0 || at+1 == len(s) || class[s[at+1]] == 0 {
		return 0
	}
	user := floor + scheme + len("://")
	colon := strings.IndexByte(s[user:at], ':')
	if colon < 0 || user+colon+1 == at || strings.ContainsAny(s[user:at], " /?#\t\r\n\"'@") {
		return 0
	}
	return user + colon + 1
}

// sample says whether a password is none: a name for one, or a mark that something is filled in.
func sample(p string) bool {
	switch strings.ToLower(p) {
	case "password", "pass", "passwd", "pwd", "secret", "changeme", "pw":
		return true
	}
	return strings.ContainsAny(p, "<>{}[]$*%") || strings.Contains(strings.ToLower(p), "your")
}

// fileName says whether what looks like an address is the name of an image or script ("icon@2x.png").
func fileName(s string) bool {
	switch strings.ToLower(s[strings.LastIndexByte(s, '.')+1:]) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html":
		return true
	}
	return false
}

// localStart is where the local part before the @ at i begins, or i.
func localStart(s string, at int) int {
	start := at
	for start > 0 && at-start < maxLocal {
		c, n := utf8.DecodeLastRuneInString(s[:start])
		if c < utf8.RuneSelf && class[c]&(isDigit|isLetter) == 0 && !strings.ContainsRune("._%+-'&~", c) ||
			c >= utf8.RuneSelf && (c == utf8.RuneError || !unicode.IsLetter(c)) {
			break
		}
		start -= n
	}
	for start < at && strings.IndexByte(".'-%&~", s[start]) >= 0 {
		start++
	}
	if start < at && s[at-1] == '.' {
		return at
	}
	return start
}

// domainEnd is where the domain name at start ends, or 0 when there is none with a top level of letters.
func domainEnd(s string, start int) (end int) {
	label := start
	for i := start; i <= len(s) && i-start <= maxDomain; {
		c, n := rune(0), 1
		if i < len(s) {
			c, n = utf8.DecodeRuneInString(s[i:])
		}
		if c < utf8.RuneSelf && class[c]&(isDigit|isLetter) != 0 || c == '-' || c >= utf8.RuneSelf && unicode.IsLetter(c) {
			i += n
			continue
		}
		if i == label || i-label > maxLabel || s[label] == '-' || s[i-1] == '-' {
			break
		}
		if label > start && topLevel(s[label:i]) {
			end = i
		}
		if c != '.' {
			break
		}
		i++
		label = i
	}
	return end
}

// topLevel says whether a label can be a top-level domain: two or more letters, or the ASCII form of others.
func topLevel(label string) bool {
	if strings.HasPrefix(strings.ToLower(label), "xn--") {
		return true
	}
	letters, ascii := 0, 0
	for _, c := range label {
		if !unicode.IsLetter(c) {
			return false
		}
		letters++
		if c < utf8.RuneSelf {
			ascii++
		}
	}
	return letters >= 2 && (ascii == 0 || ascii == letters) // letters of two scripts imitate a word
}

// reservedDomain says whether a domain is nobody's (RFC 2606, RFC 6761).
func reservedDomain(d string) bool {
	last := d[strings.LastIndexByte(d, '.')+1:]
	switch last {
	case "example", "test", "invalid", "localhost":
		return true
	}
	for _, name := range [...]string{"example.com", "example.org", "example.net"} {
		if d == name || strings.HasSuffix(d, "."+name) {
			return true
		}
	}
	return false
}

// roles are mailboxes that are no person's (RFC 2142, and what became customary).
var roles = map[string]bool{
	"info": true, "marketing": true, "sales": true, "support": true, "abuse": true, "noc": true, "security": true, "postmaster": true,
	"hostmaster": true, "usenet": true, "news": true, "webmaster": true, "www": true, "uucp": true, "ftp": true, "admin": true, "contact": true,
	"help": true, "hello": true, "noreply": true, "no-reply": true, "donotreply": true, "do-not-reply": true, "office": true, "service": true,
	"customerservice": true, "press": true, "jobs": true, "careers": true, "billing": true, "privacy": true, "legal": true, "feedback": true,
}

// ipv4 is how many characters of x are an IPv4 address, or 0.
func ipv4(x *number) int {
	if len(x.sizes) < 4 || len(x.seps) > 3 && x.seps[3] == '.' {
		return 0
	}
	at := 0
	for g := range 4 {
		if g < 3 && x.seps[g] != '.' || x.sizes[g] > 3 {
			return 0
		}
		v := 0
		for _, c := range x.text[at:x.ends[g]] {
			if class[c]&isDigit == 0 {
				return 0
			}
			v = v*10 + int(c-'0')
		}
		if v > 255 || x.sizes[g] > 1 && x.text[at] == '0' {
			return 0
		}
		at = x.ends[g]
	}
	return at
}

// versionWords say that four numbers with points are none of a network.
var versionWords = newWords("version", "release", "firmware", "build", "section", "chapter", "clause", "figure", "table", "kernel", "driver", "upgrade", "update", "patch", "ver")

// address4 notes the IPv4 address of the first n characters, unless it is none that can be somebody's.
func (f *finder) address4(x *number, start, n int) bool {
	end := x.at[n-1] + 1
	addr, err := netip.ParseAddr(f.s[start:end])
	if err != nil || addr.IsUnspecified() || addr.IsLoopback() || addr.As4()[0] == 255 {
		return false
	}
	if end+1 < len(f.s) && f.s[end] == '.' && class[f.s[end+1]]&isDigit != 0 || !bounded(f.s, start, end) {
		return false
	}
	if n <= 6 && !f.near(start, end, ipWords) || f.before(start, 16, versionWords) {
		return false
	}
	f.add(KindIP, start, end)
	f.out[len(f.out)-1].Impersonal = nobodys(addr)
	return true
}

// ipWords say that four small numbers are a network's after all.
var ipWords = newWords("ip", "host", "server", "address", "dns", "ping", "gateway", "subnet", "network", "client", "node")

// forDocumentation are the networks that RFC 5737, RFC 3849 and RFC 9637 set apart.
var forDocumentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
}

// nobodys says whether an address tells nothing of anybody: it is private (RFC 1918, RFC 4193), of a link, or for documentation.
func nobodys(a netip.Addr) bool {
	if a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() {
		return true
	}
	for _, p := range forDocumentation {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// maxAddress6 is the longest IPv6 address: eight groups, the last two as an IPv4 address.
const maxAddress6 = 45

// addresses6 notes the IPv6 addresses. Two colons at least tell one from a time.
func (f *finder) addresses6() {
	s := f.s
	for i := 0; ; {
		at := strings.IndexByte(s[i:], ':')
		if at < 0 {
			return
		}
		at += i
		start, end := at, at
		for start > i && at-start <= maxAddress6 && inAddress6(s[start-1]) {
			start--
		}
		for end < len(s) && end-start <= maxAddress6 && inAddress6(s[end]) {
			end++
		}
		for end > start && s[end-1] == '.' {
			end--
		}
		i = max(end, at+1)
		if end-start < 4 || end-start > maxAddress6 || strings.Count(s[start:end], ":") < 2 || !bounded(s, start, end) ||
			!strings.ContainsAny(s[start:end], "0123456789") {
			continue
		}
		a, err := netip.ParseAddr(s[start:end])
		if err != nil || a.IsLoopback() || a.IsUnspecified() || a.Is4() {
			continue
		}
		f.add(KindIP, start, end)
		f.out[len(f.out)-1].Impersonal = nobodys(a)
	}
}

func inAddress6(c byte) bool {
	return c == ':' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
