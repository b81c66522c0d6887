package main

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/report"
)

// reach is how far back the records go that a gateway keeps in memory. It is zero if no
// gateway was asked, or if it did not say.
type reach struct {
	since     time.Time
	pushedOut int // records that there were besides
}

// reachOf is what the answer of a gateway says; an older one does not say.
func reachOf(answer http.Header) reach {
	since, err := time.Parse(time.RFC3339, answer.Get(recent.HeaderSince))
	if err != nil {
		return reach{}
	}
	pushedOut, err := strconv.Atoi(answer.Get(recent.HeaderPushedOut))
	if err != nil {
		return reach{}
	}
	return reach{since, pushedOut}
}

// note tells how far back the records go, and what reaches further. It is empty where
// that is as far as was asked; a zero time asks for all records.
func (r reach) note(asked time.Time) string {
	if !r.since.After(asked) {
		return ""
	}
	why, further := "it was started then", " Files of records (--from), such as the log and sinks write, reach further."
	if r.pushedOut > 0 {
		why = plural(r.pushedOut, "older record", "") + " made room for newer ones"
		further = " Files of records (--from), such as the log and sinks write, reach further, and so does a gateway with larger recentRecords and recentBytes."
	}
	if asked.IsZero() {
		return "The records are those that the gateway keeps in memory, which reaches back to " + report.When(r.since) + "." + further
	}
	return fmt.Sprintf("The gateway's memory reaches back to %s only, not to %s as --since asks: %s.%s", report.When(r.since), report.When(asked), why, further)
}
