package record

import (
	"strconv"
	"time"
)

const null = "null"

// AppendJSON appends r to dst as one line of JSON, with its newline, in the
// contract's names and order. What the attempt did not have is null: see
// fields.go. The bytes are those that zerolog writes for the same fields, except
// that U+2028 and U+2029 are escaped: some readers take them for line ends.
//
// Start and End must be set. Durations are written with microseconds.
func AppendJSON(dst []byte, r *Record) []byte {
	dst = append(dst, `{"`+FieldTime+`":"`...)
	dst = appendTime(dst, r.End)
	dst = append(dst, `","`+FieldLevel+`":"`...)
	dst = append(dst, level(r.Outcome)...)
	dst = append(dst, `","`+FieldEvent+`":"`+EventInference+`"`...)
	dst = appendIdentity(dst, r)
	dst = appendResult(dst, r)
	dst = appendTries(dst, r)
	dst = appendCaptured(dst, r)
	if r.Comparison != nil {
		dst = appendComparison(dst, r.Comparison)
	}
	return append(dst, '}', '\n')
}

// appendIdentity writes what is known before the attempt: who, whom, by which commit.
func appendIdentity(dst []byte, r *Record) []byte {
	dst = append(dst, `,"`+FieldRequestID+`":`...)
	dst = AppendString(dst, r.RequestID)
	dst = append(dst, `,"`+FieldEndpoint+`":`...)
	dst = AppendString(dst, r.Endpoint)
	dst = append(dst, `,"`+FieldBackend+`":`...)
	dst = AppendString(dst, r.Backend)
	dst = append(dst, `,"`+FieldRole+`":`...)
	dst = AppendString(dst, string(r.Role))
	dst = append(dst, `,"`+FieldDeploymentName+`":`...)
	dst = appendStringOrNull(dst, r.DeploymentName)
	dst = append(dst, `,"`+FieldDeploymentVersion+`":`...)
	dst = appendIntOrNull(dst, r.DeploymentVersion)
	dst = append(dst, `,"`+FieldAlias+`":`...)
	dst = appendStringOrNull(dst, r.Alias)
	dst = append(dst, `,"`+FieldBranch+`":`...)
	dst = appendStringOrNull(dst, r.Branch)
	if r.Subject != "" {
		dst = append(dst, `,"`+FieldSubjectID+`":`...)
		dst = AppendString(dst, r.Subject)
	}
	dst = append(dst, `,"`+FieldCommit+`":`...)
	return AppendString(dst, r.Commit)
}

// appendResult writes how the attempt went.
func appendResult(dst []byte, r *Record) []byte {
	dst = append(dst, `,"`+FieldOutcome+`":`...)
	dst = AppendString(dst, string(r.Outcome))
	dst = append(dst, `,"`+FieldStatus+`":`...)
	dst = appendIntOrNull(dst, r.Status)
	dst = append(dst, `,"`+FieldError+`":`...)
	dst = appendStringOrNull(dst, r.Error)
	dst = append(dst, `,"`+FieldErrorKind+`":`...)
	dst = appendStringOrNull(dst, string(r.ErrorKind))
	dst = append(dst, `,"`+FieldStart+`":`...)
	dst = strconv.AppendInt(dst, r.Start.UnixMilli(), 10)
	dst = append(dst, `,"`+FieldEnd+`":`...)
	dst = strconv.AppendInt(dst, r.End.UnixMilli(), 10)
	dst = append(dst, `,"`+FieldDuration+`":`...)
	dst = appendMillis(dst, r.End.Sub(r.Start))
	dst = append(dst, `,"`+FieldTTFB+`":`...)
	if r.TTFB > 0 {
		dst = appendMillis(dst, r.TTFB)
	} else {
		dst = append(dst, null...)
	}
	dst = append(dst, `,"`+FieldRequestBytes+`":`...)
	dst = strconv.AppendInt(dst, r.RequestBytes, 10)
	dst = append(dst, `,"`+FieldResponseBytes+`":`...)
	dst = strconv.AppendInt(dst, r.ResponseBytes, 10)
	dst = append(dst, `,"`+FieldReplica+`":`...)
	dst = appendStringOrNull(dst, r.Replica)
	dst = append(dst, `,"`+FieldMethod+`":`...)
	dst = AppendString(dst, r.Method)
	dst = append(dst, `,"`+FieldPath+`":`...)
	return AppendString(dst, r.Path)
}

// appendCaptured writes what is known of the bodies, if anything is.
func appendCaptured(dst []byte, r *Record) []byte {
	if r.ResultCount > 0 {
		dst = append(dst, `,"`+FieldResultCount+`":`...)
		dst = strconv.AppendInt(dst, int64(r.ResultCount), 10)
	}
	if r.Request != nil {
		dst = append(dst, `,"`+FieldRequest+`":`...)
		dst = append(dst, r.Request...)
	}
	if r.Response != nil {
		dst = append(dst, `,"`+FieldResponse+`":`...)
		dst = append(dst, r.Response...)
	}
	return dst
}

// appendTries writes which attempt of several it was, with whose key, and where it
// stands in a trace.
func appendTries(dst []byte, r *Record) []byte {
	if r.Attempt > 0 {
		dst = append(dst, `,"`+FieldAttempt+`":`...)
		dst = strconv.AppendInt(dst, int64(r.Attempt), 10)
	}
	if r.Superseded {
		dst = append(dst, `,"`+FieldSuperseded+`":true`...)
	}
	if r.FallbackFrom != "" {
		dst = append(dst, `,"`+FieldFallbackFrom+`":`...)
		dst = AppendString(dst, r.FallbackFrom)
	}
	if r.KeyName != "" {
		dst = append(dst, `,"`+FieldKeyName+`":`...)
		dst = AppendString(dst, r.KeyName)
	}
	if r.Trace != nil {
		dst = appendTrace(dst, r.Trace)
	}
	return dst
}

func level(o Outcome) string {
	switch o {
	case OK, Canceled:
		return "info"
	case Error, Dropped:
		return "warn"
	}
	return "warn"
}

func appendStringOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, null...)
	}
	return AppendString(dst, s)
}

func appendIntOrNull(dst []byte, n int) []byte {
	if n == 0 {
		return append(dst, null...)
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// appendMillis writes d in milliseconds, rounded down to whole microseconds, in
// the shortest form; a negative duration, of a clock that was set back, is 0.
func appendMillis(dst []byte, d time.Duration) []byte {
	micros := max(d, 0).Microseconds()
	dst = strconv.AppendInt(dst, micros/1000, 10)
	rest := int(micros % 1000)
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.', digit(rest/100))
	if rest%100 == 0 {
		return dst
	}
	dst = append(dst, digit(rest/10))
	if rest%10 == 0 {
		return dst
	}
	return append(dst, digit(rest))
}

// appendTime writes t as RFC 3339 in UTC with milliseconds. It does by hand what
// time.Time.AppendFormat does, at a third of the time.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return append(dst, "0001-01-01T00:00:00.000Z"...)
	}
	hour, minute, second := t.Clock()
	milli := t.Nanosecond() / int(time.Millisecond)
	return append(dst,
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-',
		digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':',
		digit(minute/10), digit(minute), ':',
		digit(second/10), digit(second), '.',
		digit(milli/100), digit(milli/10), digit(milli), 'Z')
}

// digit is the last decimal digit of n.
func digit(n int) byte { return '0' + byte(n%10) }
