package demo

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// player makes sessions. Session n of a seed and a start time is always the same; its ids are those of
// the story's end too.
type player struct {
	seed  uint64
	story Story
	truth *Truth
}

// session is one user with one agent over several turns; every turn is a trace.
type session struct {
	*player
	rng          *rand.Rand
	ids          *rand.Rand // ids alone, which no other performance may use
	number       int
	now          time.Time
	conversation string
	user         string
	environment  string
	slots        *strings.Replacer
}

func (p *player) session(n int, start time.Time) []played {
	rng := rand.New(rand.NewPCG(p.seed, uint64(n))) //nolint:gosec // a play, no secret
	s := &session{player: p, rng: rng, ids: p.ids(n), number: n, now: start}
	s.conversation = "conv_" + s.hex(12)
	s.user = fmt.Sprintf("user-%04d", rng.IntN(900))
	s.environment = "production"
	if rng.IntN(12) == 0 {
		s.environment = "staging"
	}
	s.slots = strings.NewReplacer("{product}", pick(rng, products), "{city}", pick(rng, cities),
		"{name}", pick(rng, people), "{order}", fmt.Sprintf("FH-%06d", rng.IntN(1_000_000)))
	switch r := rng.IntN(100); {
	case r < 52:
		return s.support()
	case r < 72:
		return s.coding()
	case r < 90:
		return s.analysis()
	default:
		return s.mail()
	}
}

// ids is the source of a session's ids. A server keeps the first of two spans with one id, or both:
// a story that is played again an hour later must not use those of the first.
func (p *player) ids(n int) *rand.Rand {
	var b []byte
	b = binary.BigEndian.AppendUint64(b, p.seed)
	b = binary.BigEndian.AppendUint64(b, uint64(p.story.End.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, uint64(n))    //nolint:gosec // never negative
	return rand.New(rand.NewChaCha8(sha256.Sum256(b))) //nolint:gosec // a play, no secret
}

func (s *session) chance(share float64) bool { return s.rng.Float64() < share }

// think is the pause before the user's next turn.
func (s *session) think() {
	s.now = s.now.Add(8*time.Second + time.Duration(s.rng.IntN(40))*time.Second)
}

// SupportService is the service that most of the sessions are with.
const SupportService = "support-assistant"

// support answers from retrieved documents over one to four turns.
func (s *session) support() []played {
	a := pick(s.rng, supportAsks)
	m := pick(s.rng, supportModels)
	question := s.slots.Replace(pick(s.rng, a.questions))
	var history []message
	var out []played
	for turn := range 1 + s.rng.IntN(4) {
		if turn > 0 {
			question = pick(s.rng, followUps[a.lang])
		}
		sc := s.scene(s.now)
		history = sc.supportTurn(a, m, append(history, text("user", question)), turn)
		out = append(out, sc.played())
		s.now = sc.now
		s.think()
	}
	return out
}

func (sc *scene) supportTurn(a ask, m model, history []message, turn int) []message {
	root := sc.open(SupportService, pcommon.SpanID{}, "POST /chat", ptrace.SpanKindServer)
	root.Attributes().PutStr("http.request.method", "POST")
	root.Attributes().PutStr("http.route", "/chat")
	root.Attributes().PutStr("user.id", sc.user)
	agent := sc.agent(SupportService, root.SpanID(), "juniper", m.provider)
	version, system := "v1", systemV1
	if sc.now.After(sc.story.PromptV2) {
		version, system = "v2", systemV2
	}
	document, fact := sc.retrieve(agent.SpanID(), a, history[len(history)-1].Parts[0].Content)
	c := call{
		service: SupportService, agent: "juniper", parent: agent.SpanID(), model: m,
		system: system + "\n\nDocuments:\n" + document, input: history, prompt: supportPrompt, promptVersion: version,
	}

	status := int64(200)
	switch {
	case sc.chance(0.02):
		sc.timeout(c)
		sc.fail(agent, "timeout", "the model did not answer within 30 s")
		status = 504
	case sc.chance(0.015):
		c.output = message{Role: "assistant", Parts: []part{}, Finish: "content_filter"}
		sc.chat(c)
	default:
		c.output = text("assistant", sc.supportAnswer(a, version, fact, turn))
		c.output.Finish = "stop"
		s := sc.chat(c)
		if version == "v2" {
			sc.truth.note(changePrompt, sc.ref(s))
		}
		if fact == policies[a.policy].staleFact {
			sc.truth.note(changeStale, sc.ref(s))
		}
		sc.evaluate(s, fact == policies[a.policy].fact)
		history = append(history, text("assistant", c.output.Parts[0].Content))
	}
	sc.done(agent)
	root.Attributes().PutInt("http.response.status_code", status)
	if status >= 500 {
		root.Status().SetCode(ptrace.StatusCodeError)
		root.Attributes().PutStr("error.type", "504")
	}
	sc.done(root)
	return history
}

// supportAnswer is what the two prompt versions make of the same fact.
func (sc *scene) supportAnswer(a ask, version, fact string, turn int) string {
	answer := strings.ReplaceAll(a.answer, "{fact}", fact)
	if version == "v2" {
		var b strings.Builder
		b.WriteString("**" + answer + "**\n")
		for _, step := range a.steps {
			b.WriteString("\n- " + step)
		}
		b.WriteString("\n\n[" + policies[a.policy].id + "]")
		return sc.slots.Replace(b.String())
	}
	g := greetings[a.lang]
	if turn > 0 {
		g[0] = ""
	}
	return sc.slots.Replace(g[0] + answer + " " + strings.Join(a.steps, ". ") + "." + g[1])
}

// retrieve embeds the question and finds three documents, the right one first. From StaleDocs on
// that is mostly last year's page.
func (sc *scene) retrieve(parent pcommon.SpanID, a ask, query string) (document, fact string) {
	e := sc.open(SupportService, parent, "embeddings text-embedding-3-small", ptrace.SpanKindClient)
	m := sc.genai(e, "embeddings")
	m.PutStr("gen_ai.provider.name", "openai")
	m.PutStr("gen_ai.request.model", "text-embedding-3-small")
	m.PutStr("gen_ai.response.model", "text-embedding-3-small")
	m.PutInt("gen_ai.embeddings.dimension.count", 1536)
	m.PutInt("gen_ai.usage.input_tokens", int64(len(query)/bytesPerToken+1))
	sc.spend(30*time.Millisecond, 120*time.Millisecond)
	sc.done(e)

	p := policies[a.policy]
	document, fact = p.title+". "+p.text, p.fact
	id, edition := p.id, "2026"
	stale := sc.now.After(sc.story.StaleDocs) && sc.chance(staleShare)
	if stale {
		document, fact, id, edition = p.stale, p.staleFact, p.id+"-old", "archived"
	}
	if a.lang == "en" { // what to do stands on the page, too
		document += " What to do: " + strings.ToLower(a.steps[0][:1]) + sc.slots.Replace(strings.Join(a.steps, "; ")[1:]) + "."
	}
	type doc struct {
		ID      string  `json:"id"`
		Score   float64 `json:"score"`
		Content string  `json:"content"`
		Edition string  `json:"edition"`
	}
	score := func(low float64) float64 { return float64(int(1000*low)+sc.rng.IntN(60)) / 1000 }
	docs := []doc{{id, score(0.86), document, edition}}
	other := policies[pick(sc.rng, supportAsks).policy]
	docs = append(docs, doc{other.id, score(0.55), other.title + ". " + other.text, "2026"})
	r := sc.open(SupportService, parent, "retrieval help-center", ptrace.SpanKindClient)
	m = sc.genai(r, "retrieval")
	m.PutStr("gen_ai.data_source.id", "help-center")
	m.PutStr("gen_ai.retrieval.query.text", query)
	m.PutInt("gen_ai.request.top_k", int64(len(docs)))
	m.PutStr("gen_ai.retrieval.documents", encode(docs))
	sc.spend(15*time.Millisecond, 90*time.Millisecond)
	sc.done(r)
	if stale {
		sc.truth.note(changeStale, sc.ref(r))
	}
	return "[" + id + "] " + document + "\n[" + other.id + "] " + docs[1].Content, fact
}

func (sc *scene) timeout(c call) {
	s := sc.openChat(c)
	sc.now = sc.now.Add(30 * time.Second)
	sc.fail(s, "timeout", "request timed out after 30 s")
	sc.done(s)
}

// evaluate sends the result of an online evaluation for some answers, as a log record.
func (sc *scene) evaluate(s ptrace.Span, good bool) {
	if !sc.chance(0.3) {
		return
	}
	score, label := 0.8+0.2*sc.rng.Float64(), "relevant"
	if !good && sc.chance(0.5) {
		score, label = 0.2+0.3*sc.rng.Float64(), "outdated"
	}
	r := sc.event(SupportService, "gen_ai.evaluation.result", s.SpanID())
	r.Attributes().PutStr("gen_ai.evaluation.name", "relevance")
	r.Attributes().PutDouble("gen_ai.evaluation.score.value", score)
	r.Attributes().PutStr("gen_ai.evaluation.score.label", label)
	r.Attributes().PutStr("gen_ai.evaluation.explanation", "graded by the online judge against the help center")
	if id, ok := s.Attributes().Get("gen_ai.response.id"); ok {
		r.Attributes().PutStr("gen_ai.response.id", id.Str())
	}
}

// coding reads, edits and tests, and resends its history with every step.
func (s *session) coding() []played {
	j := pick(s.rng, jobs)
	var history []message
	var out []played
	for turn := range 1 + s.rng.IntN(3) {
		request := j.request
		if turn > 0 {
			request = pick(s.rng, []string{"Looks good. Please add a test for it.", "Can you explain the change for the pull request?", "Run the whole suite again, please."})
		}
		sc := s.scene(s.now)
		const service = "coding-agent"
		agent := sc.agent(service, pcommon.SpanID{}, "moss", codingModel.provider)
		history = append(history, text("user", request))
		c := call{
			service: service, agent: "moss", parent: agent.SpanID(), model: codingModel, reasoning: true, prompt: "coding-agent", promptVersion: "7",
			system: "You are Moss, the coding agent of Fernhill Outdoor. Read before you edit, run the tests before you answer.",
		}
		for _, step := range []struct {
			say, tool string
			args      any
			result    string
		}{
			{"I'll look at the file first.", "read_file", map[string]string{"path": j.file}, encode(map[string]string{"content": j.code})},
			{"Now I edit " + j.file + " and run the tests.", "run_tests", map[string]string{"package": strings.Split(j.file, "/")[0]}, encode(map[string]any{"passed": 20 + s.rng.IntN(200), "failed": 0})},
		} {
			tc := s.toolCall(step.tool, step.args)
			c.input = history
			c.output = message{Role: "assistant", Parts: []part{{Type: "reasoning", Content: "The request is about " + j.file + "; " + step.tool + " comes next."}, {Type: "text", Content: step.say}, tc}, Finish: "tool_call"}
			sc.chat(c)
			failure := ""
			if s.chance(0.05) {
				failure = step.tool + ": sandbox did not answer within 5 s"
			}
			asked := c.output
			asked.Finish = ""
			history = append(history, asked, sc.tool(service, agent.SpanID(), tc, step.result, failure))
		}
		c.input = history
		c.output = text("assistant", j.answer)
		c.output.Finish = "stop"
		sc.chat(c)
		history = append(history, text("assistant", j.answer))
		sc.done(agent)
		out = append(out, sc.played())
		s.now = sc.now
		s.think()
	}
	return out
}

// analysis is a workflow of two agents: a planner and a writer of SQL.
func (s *session) analysis() []played {
	var out []played
	for range 1 + s.rng.IntN(3) {
		st := pick(s.rng, studies)
		question := s.slots.Replace(st.question)
		sc := s.scene(s.now)
		const service = "analyst"
		flow := sc.open(service, pcommon.SpanID{}, "invoke_workflow sales-analysis", ptrace.SpanKindInternal)
		sc.genai(flow, "invoke_workflow").PutStr("gen_ai.workflow.name", "sales-analysis")

		planner := sc.agent(service, flow.SpanID(), "planner", plannerModel.provider)
		plan := call{
			service: service, agent: "planner", parent: planner.SpanID(), model: plannerModel, input: []message{text("user", question)},
			system: "Plan which tables answer the question of a Fernhill colleague. Answer with numbered steps.",
		}
		plan.output = text("assistant", "1. Query the warehouse for: "+question+"\n2. Check the row count.\n3. Summarise in two sentences.")
		plan.output.Finish = "stop"
		sc.chat(plan)
		sc.done(planner)

		writer := sc.agent(service, flow.SpanID(), "sql-analyst", analystModel.provider)
		c := call{
			service: service, agent: "sql-analyst", parent: writer.SpanID(), model: analystModel, noStream: true, prompt: "sql-analyst", promptVersion: "4",
			system: "You answer questions on Fernhill's sales data. Write ClickHouse SQL, run it with run_query, then answer from the rows.",
		}
		c.input = []message{text("user", question), text("assistant", plan.output.Parts[0].Content), text("user", "Carry the plan out.")}
		sc.answerStudy(st, c, writer.SpanID())
		sc.done(writer)
		sc.done(flow)
		out = append(out, sc.played())
		s.now = sc.now
		s.think()
	}
	return out
}

func (sc *scene) answerStudy(st study, c call, parent pcommon.SpanID) {
	share := refusalNatural
	if sc.now.After(sc.story.Refusals) {
		share = refusalShare
	}
	if sc.chance(share) {
		c.output = text("assistant", pick(sc.rng, analystRefusals))
		c.output.Finish = "stop"
		sc.truth.note(changeRefusal, sc.ref(sc.chat(c)))
		return
	}
	tc := sc.toolCall("run_query", map[string]string{"sql": sc.slots.Replace(st.sql)})
	c.output = message{Role: "assistant", Parts: []part{tc}, Finish: "tool_call"}
	sc.chat(c)
	failure, answer := "", sc.slots.Replace(st.answer)
	if sc.chance(0.06) {
		failure = "Code: 159. DB::Exception: Timeout exceeded: elapsed 5.01 seconds"
		answer = "The query did not finish in time. Please ask again for a shorter period."
	}
	rows := `{"rows":` + st.rows + `}`
	c.input = append(c.input, message{Role: "assistant", Parts: []part{tc}}, sc.tool("analyst", parent, tc, rows, failure))
	c.output = text("assistant", answer)
	c.output.Finish = "stop"
	sc.chat(c)
}

// mail is the service whose instrumentation still speaks version 1.36: messages are log records
// that are joined to the span by its id.
func (s *session) mail() []played {
	l := pick(s.rng, letters)
	sc := s.scene(s.now)
	const service = "mail-drafter"
	sp := sc.open(service, pcommon.SpanID{}, "chat "+mailModel.request, ptrace.SpanKindClient)
	a := sp.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.system", mailModel.provider)
	a.PutStr("gen_ai.request.model", mailModel.request)
	a.PutStr("user.id", s.user)
	a.PutStr("server.address", mailModel.host)
	request, draft := s.slots.Replace(l.request), s.slots.Replace(l.draft)
	body := func(event, role, content string) {
		r := sc.event(service, event, sp.SpanID())
		r.Attributes().PutStr("gen_ai.system", mailModel.provider)
		m := r.Body().SetEmptyMap()
		if event == "gen_ai.choice" {
			m.PutInt("index", 0)
			m.PutStr("finish_reason", "stop")
			m = m.PutEmptyMap("message")
		}
		m.PutStr("role", role)
		m.PutStr("content", content)
	}
	body("gen_ai.system.message", "system", "You draft short, friendly mails for Fernhill Outdoor.")
	body("gen_ai.user.message", "user", request)
	sc.now = sc.now.Add(400*time.Millisecond + time.Duration(float64(len(draft))/bytesPerSecond*float64(time.Second)))
	body("gen_ai.choice", "assistant", draft)
	a.PutStr("gen_ai.response.model", mailModel.response)
	a.PutStr("gen_ai.response.id", "chatcmpl-"+s.hex(20))
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
	a.PutInt("gen_ai.usage.input_tokens", int64(len(request)/bytesPerToken+14))
	a.PutInt("gen_ai.usage.output_tokens", int64(len(draft)/bytesPerToken))
	sc.done(sp)
	return []played{sc.played()}
}
