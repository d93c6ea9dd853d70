package align

// The figures of a sentence and of an answer. Their order is part of the fitted model: a new one goes to the end, and the model is
// fitted again.

// Figures of a sentence. "New" is a word whose stem no source has; shares of words are weighed by idf.
const (
	fWords        = iota // logarithm of 1 + words
	fContent             // logarithm of 1 + words that say something
	fNew                 // share of new words
	fNewSum              // logarithm of 1 + their weight
	fNewer               // share of new words whose first five letters are new too
	fNewerSum            // logarithm of 1 + their weight
	fNewCount            // how many
	fNewMax              // weight of the heaviest
	fNewAsked            // share of words new to sources and question
	fPairs               // share of adjacent pairs of words that no source has
	fTriads              // of three
	fQuads               // of four
	fSkips               // of pairs of content words that stand near each other nowhere
	fCopied              // longest copied run, as share of the words
	fCopiedRun           // its logarithm
	fNewRun              // longest run of new content words
	fBest                // share of words that the nearest source sentence has
	fBestTwo             // that it and one beside it have
	fBestBlock           // that the nearest passage has
	fMargin              // fBest less that of the second nearest
	fSpread              // share of known words that the nearest sentence lacks
	fTogether            // share of neighbouring known words that stand within twelve words in a source
	fNumbers             // numbers
	fNewNumbers          // that no source has
	fNewNumbersQ         // nor the question
	fDerived             // that follow by one step
	fOtherNumbers        // that a source has of something else
	fNewDigits           // most significant digits of a new number
	fNames               // words written like names
	fNewNames            // that no source has
	fNewNamesQ           // nor the question
	fOtherNames          // that a source has beside other words
	fSwapped             // words that stand where a source has another
	fOpposites           // words whose opposite the nearest sentence has
	fNegations           // denials
	fDenies              // denials more than in the nearest sentence
	fAsserts             // denials fewer than there
	fAsked               // share of words that the question has
	fIndex               // which sentence of the answer, up to 20
	fPosition            // as a share
	fLast                // the last one
	fSentences           // how many there are, up to 30
	fListed              // a list item
	fHeading             // ends in a colon
	fHedge               // words of classes
	fAdvice
	fConclusion
	fSourceNoun
	fSaying
	fExample
	fPronoun
	fCausal
	fContrast
	fUnable
	fGreeting
	fQuantifier
	fPerson
	fUnit
	fAbstains    // says that the sources do not say
	fCites       // cites a passage
	fCited       // share of words that the cited passage has
	fCitedShort  // fBestBlock less that
	fClauseSum   // of the clause with most new words: logarithm of 1 + their weight
	fClause      // of the clause with the highest share of new words: that share
	fLastClause  // share of new words of the last clause
	fClauses     // clauses
	fExampleNew  // new weight behind "such as" and its like
	fBefore      // fNewer of the sentence before
	fBehind      // of the one behind
	fAround      // of the whole answer
	fRepeats     // share of words that the answer had before
	fNewRepeats  // share of new words that it had before
	fSourceWords // logarithm of 1 + words of the sources
	fAnswerWords // of the answer
	fFirstNew    // the first content word is new
	fLastNew     // the last is
	fQuotedNew   // new words within quotation marks
	fNewURLs     // addresses that no source has
	fCut         // the sentence does not end
	fNewBefore   // logarithm of 1 + weight of new words of all sentences before
	fRare        // mean weight of its words
	fTaken       // share of the nearest sentence that it takes up
	fAbstained   // a sentence before abstains
	fWillAbstain // a sentence behind abstains
	fJump        // source sentences between this one's nearest and that of the sentence before
	fSameBlock   // they are of the same passage
	fApart       // neighbouring known words that stand nowhere near each other
	fInserted    // new words between two that stand near each other in a source
	fRoles       // names that change places around the same word
	NumFeatures  // how many there are
)

// Local are the figures that hold a sentence against the sources, whatever stands around it in the answer.
var Local = func() (of [NumFeatures]bool) {
	for _, f := range [...]int{
		fContent, fNew, fNewSum, fNewer, fNewerSum, fNewCount, fNewMax, fNewAsked, fPairs, fTriads, fQuads, fSkips, fCopied, fNewRun,
		fBest, fBestTwo, fBestBlock, fMargin, fSpread, fTogether, fNumbers, fNewNumbers, fNewNumbersQ, fDerived, fOtherNumbers,
		fNewDigits, fNames, fNewNames, fNewNamesQ, fOtherNames, fSwapped, fOpposites, fNegations, fDenies, fAsserts, fAsked, fHeading,
		fHedge, fAdvice, fSourceNoun, fSaying, fGreeting, fPerson, fAbstains, fClauseSum, fClause, fLastClause, fFirstNew, fLastNew,
		fQuotedNew, fNewURLs, fRare, fTaken, fAround, fApart, fInserted, fRoles,
	} {
		of[f] = true
	}
	return of
}()

// Figures of an answer.
const (
	gSentences = iota
	gWords
	gSourceWords
	gQuestionWords
	gNew
	gNewer
	gNewSum
	gNewerSum
	gNewMax
	gPairs
	gTriads
	gSkips
	gBest
	gBestMin
	gTogether
	gNewNumbers
	gNewNames
	gOtherNumbers
	gSwapped
	gAbstains
	gAbstainsLast
	gListed
	gAdvice
	gHedge
	gExample
	gGreeting
	gCites
	gTaken
	gAsked
	gHow
	gClause
	gCut
	gDerived
	NumAnswer
)
