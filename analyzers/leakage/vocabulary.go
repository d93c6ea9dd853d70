package leakage

// The words that say little, and those by which instructions are known.

import "strings"

// What a word can be; one word can be several.
const (
	isStop      = 1 << iota // is in every text
	isPrompt                // is in most instructions and in many answers
	isDirective             // makes a sentence one that tells a model how to behave
	isMild                  // makes one where no other sentence does
)

// vocabulary says what a word is.
var vocabulary = func() map[string]uint8 {
	m := map[string]uint8{}
	for list, is := range map[string]uint8{stopWords: isStop, promptWords: isPrompt, directives: isDirective, mild: isMild} {
		for w := range strings.FieldsSeq(list) {
			m[w] |= is
		}
	}
	return m
}()

// stopWords are in every text.
//
//nolint:gosec // no credentials: words
const stopWords = `a an the and or but if then else of to in on at by for with from as is are was were be been being am it its this that these
those there here i me my we us our you your yours he him his she her they them their who whom which what when where why how not no nor so too
very can could will would shall should may might must do does did done doing have has had having than such also any all each every both either
some more most other another only just about into over under up down out off again once own same because while during before after above below
between through i'm i'll i've you're it's don't doesn't isn't aren't can't won't let's that's there's
der die das und oder ein eine einen ist sind nicht mit für von zu den dem im auf es ich sie wir
le la les un une des et ou est sont pas avec pour de du dans sur il elle nous vous je
el los las uno unos y o es son no con para del al en que se su por lo`

// promptWords are in most instructions and in many answers.
const promptWords = `user users assistant ai model language answer answers question questions response responses respond reply help helpful please
provide information based following context use using given text write say said tell ask asked asking make sure include example examples
need want like best good new one two three first last next time way people person work thing things know see get give access system
conversation chat message messages input output task request requests topic clear concise short long detailed accurate friendly polite
professional style tone format list step steps point points word words sentence sentences english keep avoid ensure try explain describe
discuss talk relevant related specific general important always never everything anything something nothing`

// directives make a sentence one that tells a model how to behave: what to say and what not, to whom, in which part. The
// imperatives of a recipe or a manual are not among them: those are told to readers, and a model may repeat them.
const directives = `respond reply reveal disclose mention discuss refuse decline escalate output user users instructions prompt
confidential secret secrets roleplay pretend tone guidelines internally competitor competitors
antworte erwähne verrate nutzer benutzer anweisungen répondez réponds mentionne révèle utilisateur responde menciones reveles usuario`

// mild directives make one where no other sentence does.
const mild = `must should never always don't not only avoid answer ensure if use say tell keep act write translate share follow ignore remember
nie immer nur jamais toujours nunca siempre`

// sourceWords name what is put into instructions for a model to answer from.
var sourceWords = newWords("context", "passage", "passages", "document", "documents", "source", "sources", "knowledge", "excerpt", "excerpts", "search result",
	"search results", "reference", "references", "article", "articles", "faq", "data", "retrieved", "background", "snippet", "snippets", "kontext", "contexte", "contexto")

// declining are the words of answers that give nothing, when they are brief.
var declining = newWords("cannot", "can't", "can’t", "unable to", "not able to", "won't", "won’t", "please enter", "please provide", "please tell", "not allowed to")

// credentials are what stands before a password that somebody names.
var credentials = []string{"password", "password is", "passphrase", "passphrase is", "passcode", "code", "code is", "variable", "equal to", " word", " pin", "secret", " key"}

// cues are how an answer speaks that gives its instructions away. A few languages' words stand for what a translation begins with.
var cues = newWords("my instructions", "the instructions", "instructions are", "instructions so far", "system prompt", "pre-prompt", "preprompt",
	"initial prompt", "my prompt", "the prompt", "prompt above", "i was told", "i am told", "i was instructed", "i am instructed", "i've been instructed",
	"i have been instructed", "i am programmed", "i'm programmed", "programmed to", "i have been told", "my rules", "the rules are", "my guidelines",
	"my role is", "the password", "your password", "password is", "password:", "passphrase", "access code", "secret code", "secret word", "codeword",
	"user says", "user input", "user_input", "user enters", "user provides", "user sets", "if the user", "if the input", "the input is", "you are a", "you are an",
	"do not reveal", "never reveal", "not reveal", "respond with", "reply with", "then say", "otherwise,", "otherwise respond", "otherwise say",
	"logic so far", "here are my", "hint:", "hint,", "the word you", "riddle", "a clue", "input(",
	"anweisungen", "passwort", "benutzereingabe", "instrucciones", "contraseña", "mes instructions", "mot de passe", "istruzioni", "指令", "提示词", "密码", "инструкции")
