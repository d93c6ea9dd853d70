package injection

// The closed vocabulary of the evidence.

import (
	"slices"

	"github.com/tiltmeter/tiltmeter/analyzers"
)

// The reasons that are no cues. The others are the names of the cues in package cues.
const (
	ReasonInstructionInData = "instruction_in_data"
	ReasonWording           = "wording"
	ReasonDeclined          = "declined"
	ReasonDictatedWords     = "dictated_words"
	ReasonPersonaAnswers    = "persona_answers"
	ReasonPromptRepeated    = "prompt_repeated"
	ReasonLinkRepeated      = "link_repeated"
	ReasonFormFollowed      = "form_followed"
	ReasonTopicTakenUp      = "topic_taken_up"
)

// reasons says each reason in a sentence. A cue that is not here is no reason by itself.
var reasons = map[string]string{
	"override_instructions": "Instructions that the model was given are to be set aside.",
	"sets_aside":            "What was said or given before is to be left out.",
	"new_task":              "New instructions are announced in place of the old ones.",
	"reveal_prompt":         "The model's instructions or a secret are asked for.",
	"role_switch":           "The model is to be somebody else.",
	"role_play":             "A scene gives the model a part.",
	"jailbreak_persona":     "The model is to play somebody without rules.",
	"forced_output":         "The words of the answer are dictated.",
	"no_refusal":            "The model is forbidden to decline or warn.",
	"fake_turn":             "A turn or a delimiter of the conversation is faked.",
	"steers_answer":         "The text says how the answer about it must look.",
	"addresses_model":       "The text speaks to a model.",
	"speaks_of_user":        "The text knows of the user or of the question.",
	"conceal":               "Something is to stay hidden from the user.",
	"exfiltrate":            "Data is to be sent away.",
	"shouted":               "Capitals stand amid ordinary writing.",
	"obfuscated":            "The writing is disguised: look-alike, invisible or spread letters, or an encoding.",
	ReasonInstructionInData: "A sentence of the data gives an instruction.",
	ReasonWording:           "The wording is that of known attempts; no single sign stands out.",
	ReasonDeclined:          "The answer declines.",
	ReasonDictatedWords:     "The answer has the words that the instruction dictates.",
	ReasonPersonaAnswers:    "The answer speaks as the persona.",
	ReasonPromptRepeated:    "The answer repeats the system instructions.",
	ReasonLinkRepeated:      "The answer has the link or address of the instruction.",
	ReasonFormFollowed:      "The answer has the form that the instruction asks for.",
	ReasonTopicTakenUp:      "The answer takes up what only the instruction speaks of.",
}

// weightiest keeps the weightiest evidence, in the order in which it was found among equals.
func weightiest(e []analyzers.Evidence) []analyzers.Evidence {
	slices.SortStableFunc(e, func(a, b analyzers.Evidence) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return e[:min(len(e), analyzers.MaxEvidence)]
}
