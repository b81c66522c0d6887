package record

// Redaction stands in bodies and differences for what must not be written.
const Redaction = "[redacted]"

// The names of the fields of log lines. Those who read the log rely on them:
// names may be added, never changed.
const (
	FieldTime              = "time"  // RFC 3339 in UTC, with milliseconds
	FieldLevel             = "level" // info, or warn for outcomes error and dropped
	FieldEvent             = "event"
	FieldRequestID         = "requestId"
	FieldEndpoint          = "endpoint"
	FieldBackend           = "backend"
	FieldRole              = "role"
	FieldDeploymentName    = "deploymentName"    // null for a static backend
	FieldDeploymentVersion = "deploymentVersion" // null for a static backend
	FieldAlias             = "alias"             // null when the version is named by its number
	FieldBranch            = "branch"            // null for a static backend
	FieldSubjectID         = "subjectId"         // absent when the request is not keyed
	FieldCommit            = "commit"
	FieldOutcome           = "outcome"
	FieldStatus            = "status"    // null when there was no answer
	FieldError             = "error"     // null when there is nothing to tell
	FieldErrorKind         = "errorKind" // null when there is nothing to tell
	FieldStart             = "startTs"   // Unix milliseconds
	FieldEnd               = "endTs"     // Unix milliseconds
	FieldDuration          = "durationMs"
	FieldTTFB              = "ttfbMs" // null when there was no answer
	FieldRequestBytes      = "requestBytes"
	FieldResponseBytes     = "responseBytes"
	FieldReplica           = "replica" // null when none was called
	FieldMethod            = "method"
	FieldPath              = "path"
	FieldAttempt           = "attempt"      // absent when the request took only one
	FieldSuperseded        = "superseded"   // true, or absent: the caller did not get this attempt's answer
	FieldFallbackFrom      = "fallbackFrom" // absent unless this backend stood in for the assigned one
	FieldKeyName           = "keyName"      // absent without an API key
	FieldTraceID           = "traceId"      // absent unless spans are kept
	FieldSpanID            = "spanId"       // likewise; of a copy that was not sent there is none

	// Each of these only where it applies.
	FieldResultCount = "resultCount"
	FieldRequest     = "request"  // a captured object, see below
	FieldResponse    = "response" // a captured object

	// Members of captured objects.
	FieldContentType     = "contentType" // null when the message has none
	FieldBytes           = "bytes"       // of the body as it passed, encoded or not
	FieldTruncated       = "truncated"   // true when the body is not here as a whole
	FieldBody            = "body"        // a JSON value
	FieldBodyBase64      = "bodyBase64"  // any other body
	FieldContentEncoding = "contentEncoding"
	FieldOmitted         = "omitted" // why there is no body
	FieldHeaders         = "headers"
	FieldHasQuery        = "hasQuery" // true, or absent: the URL had a query, which is not recorded

	// Of a copy that was sent to a mirror that compares, each only where it applies.
	FieldLiveStatus   = "liveStatus" // null when there was no answer
	FieldLiveOutcome  = "liveOutcome"
	FieldLiveDuration = "liveDurationMs"
	FieldLiveTTFB     = "liveTtfbMs" // null when there was no answer
	FieldAgree        = "agree"      // null when nothing was compared; unpaired says why
	FieldDiff         = "diff"
	FieldLabelLive    = "labelLive"
	FieldLabelMirror  = "labelMirror"
	FieldScoreLive    = "scoreLive"
	FieldScoreMirror  = "scoreMirror"
	FieldScoreDelta   = "scoreDelta" // the mirror's less the live one
	FieldSimilarity   = "similarity"
	FieldNoise        = "noise" // true: the mirror goes to the live deployment itself
	FieldUnpaired     = "unpaired"

	// Members of a difference. A side on which there is nothing is left out.
	FieldDiffPath   = "path"
	FieldDiffLive   = "live"
	FieldDiffMirror = "mirror"

	// Of the line about lost lines.
	FieldCount   = "count"   // all lines lost
	FieldLive    = "live"    // records of live attempts among them
	FieldMirror  = "mirror"  // records of copies among them
	FieldProcess = "process" // process events among them
	FieldSince   = "since"   // when the first of them was lost
)

// The values of [FieldEvent] that this package writes.
const (
	EventInference = "inference" // a Record
	EventLost      = "lost"      // lines that the sink could not take in time
)
