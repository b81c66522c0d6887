package serve

import (
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Values of the field "event" for the life of the process that begin and end here.
const (
	eventStart = "start"
	eventStop  = "stop"
	eventLog   = "log" // a file of records could not be opened anew
)

// Fields of these events.
const (
	fieldListen     = "listen"
	fieldAdmin      = "admin"
	fieldMetrics    = "metrics"
	fieldTLS        = "tls"
	fieldRepository = "repository"
	fieldBranch     = "branch"
	fieldVersion    = "version"
	fieldReason     = "reason"
	fieldRequests   = "requests"
	fieldLost       = "lost"
)

// timeFormat is that of records: RFC 3339 in UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// newLogger makes the logger for the life of the process.
func newLogger(w io.Writer, least zerolog.Level) zerolog.Logger {
	return zerolog.New(w).Level(least).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str(record.FieldTime, time.Now().UTC().Format(timeFormat))
	}))
}
