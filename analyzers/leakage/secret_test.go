package leakage

import (
	"strings"
	"testing"
)

// The secrets here are made up, in pieces, so that no scanner of repositories takes them for real.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const letters = "x7Kq2mVb9TzLw4RfYc8NdJ5hPs1GuEa3XoZi6tWv0BkQnSrMgHyDeCjAlUpFOIZ"
	for _, c := range []struct{ rule, before, secret, after string }{
		{"github-pat", "export GH_TOKEN=", "ghp_" + letters[:36], "\n"},
		{"gitlab-pat", "use ", "glpat-" + letters[:20], "."},
		{"aws-access-token", "id ", "AKIA" + "QYLPMN5HHHFPZAM2", ","},
		{"openai-api-key", "", "sk-" + letters[:20] + "T3BlbkFJ" + letters[20:40], "\n"},
		{"stripe-access-token", "key: ", "sk_live_" + letters[:24], " "},
		{"slack-bot-token", "", "xoxb-" + "263594206564-2343594206574-" + letters[:24], ""},
		{"private-key", "here:\n", "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("MIIEowIBAAKCAQEA"+letters[:48]+"\n", 5) + "-----END RSA PRIVATE KEY-----", "\n"},
		{"jwt", "Authorization: Bearer ", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0NTY3ODkwIiwibmFtZSI6Ik5vcmEifQ." + letters[:43], "\n"},
		{genericRule, `password = "`, "zR7wq2LxPm9vKe4T", `"`},
		{uriRule, "postgres://reporting:", "hV7wq2Lx", "@db.brightwater.be/sales"},
	} {
		text := c.before + c.secret + c.after
		found := Find(text)
		if len(found) != 1 || found[0].Kind != KindSecret || found[0].Rule != c.rule || text[found[0].Start:found[0].End] != c.secret || found[0].Impersonal {
			t.Errorf("%s: %+v in %q", c.rule, found, text)
		}
	}
	for _, text := range []string{
		"set the api_key to your_api_key_here", `password: "changeme"`, "the key to success = hard work, always", "token: xxxxxxxxxxxxxxxxxxxx",
		"https://docs.brightwater.be/api/v2/keys?page=2&id=12345 explains keys", "The commit 1f3870be274f6c49b3e31a0c6728957f fixes auth.",
		"import { accessToken12345678 } from './auth'", "data:image/png;base64," + strings.Repeat("iVBORw0KGgoAAAANSUhEUgAA", 600),
	} {
		if found := Find(text); len(found) > 0 {
			t.Errorf("%q: %+v", text[:min(80, len(text))], found)
		}
	}
}

// Every rule compiles and is reached by its keywords.
func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	set := rules()
	if len(set.Rules) < 200 {
		t.Fatalf("only %d rules", len(set.Rules))
	}
	for i := range set.Rules {
		r := &set.Rules[i]
		r.compile()
		for a := range r.Allow {
			r.Allow[a].compile()
		}
		for _, k := range r.Keywords {
			reached := false
			set.keywords.find("x "+strings.ToUpper(k)+" x", func(n uint16, _ int) bool {
				for _, of := range set.of[n] {
					reached = reached || int(of) == i
				}
				return true
			})
			if !reached {
				t.Errorf("rule %s is not reached by its keyword %q", r.ID, k)
			}
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"4929 1872 3391 0020": "4*** **** **** ***0", "536-32-3065": "5**-**-***5", "jan@vermeulen.be": "j**@*********.*e", "hV7wq2": "******", "": "",
		"élodie@é.fr": "é*****@*.*r", "\xff\xfe234567": "*******7",
	} {
		if got := mask(text); got != want {
			t.Errorf("mask(%q) = %q, want %q", text, got, want)
		}
	}
}
