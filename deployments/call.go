package deployments

import (
	"errors"
	"net/http"
	"strings"
)

// Verdict is what an answer counts as where failures are counted.
type Verdict struct {
	// Status is that of HTTP. Of a call of gRPC, where that one is always 200, it is what
	// the call's own status stands for, and 0 as long as the call has not ended.
	Status int
	// Call names the call's own status where that stands for 5xx; else it is empty.
	Call string
}

// Failed reports whether the deployment has failed the request.
func (v Verdict) Failed() bool { return v.Status >= http.StatusInternalServerError }

// Err tells of a failure that the status of HTTP does not show; nil: there is none.
func (v Verdict) Err() error {
	if v.Call == "" {
		return nil
	}
	return errors.New("the call ended with " + v.Call)
}

// Judge says what an answer counts as. ended tells that its body has been read to the
// end, and so its trailers have come.
func Judge(res *http.Response, ended bool) Verdict {
	if res.ProtoMajor < 2 || res.StatusCode != http.StatusOK || !HoldsMessages(res.Header) {
		return Verdict{Status: res.StatusCode}
	}
	var status []string
	if ended {
		status = res.Trailer[fieldCallStatus]
	}
	if status == nil && (ended || res.ContentLength == 0) { // a head that is also the end, which gRPC calls Trailers-Only
		status = res.Header[fieldCallStatus]
	}
	switch {
	case len(status) > 0:
		return verdictOn(status[0])
	case ended || res.ContentLength == 0:
		return Verdict{http.StatusInternalServerError, "no status"}
	}
	return Verdict{}
}

const fieldCallStatus = "Grpc-Status"

// verdictOn is what a status of gRPC counts as: the failures that are the server's stand for the
// statuses of HTTP that Envoy takes them for, all others are the caller's affair. So is
// RESOURCE_EXHAUSTED, as 429 is, for servers say it of a message that is too large as well; and so is
// UNIMPLEMENTED, for it is the caller who names the method. A number that gRPC does not know is
// UNKNOWN to its clients.
func verdictOn(status string) Verdict {
	switch status {
	case "0", "1", "3", "5", "6", "7", "8", "9", "10", "11", "12", "16":
		return Verdict{Status: http.StatusOK}
	case "4":
		return Verdict{http.StatusGatewayTimeout, "DEADLINE_EXCEEDED"}
	case "13":
		return Verdict{http.StatusInternalServerError, "INTERNAL"}
	case "14":
		return Verdict{http.StatusServiceUnavailable, "UNAVAILABLE"}
	case "15":
		return Verdict{http.StatusInternalServerError, "DATA_LOSS"}
	}
	return Verdict{http.StatusInternalServerError, "UNKNOWN"}
}

// HoldsMessages reports whether a body with this header consists of messages of gRPC.
// That of gRPC-Web, which has its statuses in bodies, does not.
func HoldsMessages(h http.Header) bool {
	v := h["Content-Type"]
	if len(v) != 1 {
		return false
	}
	rest, ok := strings.CutPrefix(v[0], "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}
