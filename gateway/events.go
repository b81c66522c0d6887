package gateway

import (
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// Values of the field "event" for the life of the process that the gateway tells
// of.
const (
	eventSwap   = "swap"
	eventReject = "reject"
	eventPanic  = "panic"
	eventAdmin  = "admin"

	eventRefused = "refused"

	eventReplica  = "replica"
	eventInsecure = "insecure"
)

// Fields of these events beside those of records.
const (
	fieldEndpoints   = "endpoints"   // how many serve now
	fieldProblems    = "problems"    // how many there are
	fieldDiagnostics = "diagnostics" // each as file:line:col: message [rule]
	fieldReason      = "reason"
	fieldStack       = "stack"
	fieldChange      = "change" // a deployments.ChangeKind
	fieldMirror      = "mirror" // whose replica it is, if it is a mirror's
	fieldFor         = "forMs"
	fieldDeployments = "deployments"
	fieldRemote      = "remote" // who called
	fieldUntold      = "untold" // refused requests that no line tells of, since the line before
)

// LogChanges tells a log what becomes of replicas: when they go down, and come
// back.
func LogChanges(logger zerolog.Logger) func(deployments.Change) {
	return func(c deployments.Change) {
		level := zerolog.WarnLevel
		switch c.Kind {
		case deployments.CheckPassed, deployments.Joined, deployments.Left, deployments.LookupWorks, deployments.BreakerClosed:
			level = zerolog.InfoLevel
		case deployments.CheckFailed, deployments.Ejected, deployments.LookupFailed, deployments.NoneUp, deployments.BreakerOpened,
			deployments.BreakerReopened:
		}
		e := logger.WithLevel(level).Str(record.FieldEvent, eventReplica).Str(fieldChange, string(c.Kind))
		if v := c.Version; v != nil {
			e = e.Str(record.FieldDeploymentName, v.Name).Int(record.FieldDeploymentVersion, v.Number).Str(record.FieldBranch, v.Branch)
		} else {
			e = e.Str(record.FieldReplica, c.Replica)
		}
		if c.Use.Mirror != "" {
			e = e.Str(record.FieldEndpoint, c.Use.Endpoint).Str(fieldMirror, c.Use.Mirror)
		}
		if c.Reason != "" {
			e = e.Str(fieldReason, c.Reason)
		}
		if c.For > 0 {
			e = e.Dur(fieldFor, c.For)
		}
		e.Msg(changes[c.Kind])
	}
}

// changes are the messages of what becomes of replicas.
var changes = map[deployments.ChangeKind]string{
	deployments.CheckFailed:     "a replica is down: its health checks fail",
	deployments.CheckPassed:     "a replica is up: its health checks pass",
	deployments.Ejected:         "a replica is left out for a while: its requests fail",
	deployments.Joined:          "a name has another address, which is a replica",
	deployments.Left:            "a name has lost an address; its replica gets no more requests",
	deployments.LookupFailed:    "a name cannot be resolved; its last addresses go on serving",
	deployments.LookupWorks:     "a name can be resolved again",
	deployments.BreakerOpened:   "a version gets no requests for a while: too many of them failed",
	deployments.BreakerReopened: "a version gets no requests for another while: one that tried it failed",
	deployments.BreakerClosed:   "a version gets requests again",
	deployments.NoneUp:          "no replica of a deployment is up; those that can be connected to get the requests all the same",
}

// warnInsecure says of a snapshot which versions let anybody answer.
func (g *Gateway) warnInsecure(s *Snapshot) {
	var named []string
	for _, group := range s.groups() {
		v := group.Version()
		if t := v.Serving.TLS; t == nil || !t.Insecure {
			continue
		}
		if name := fmt.Sprintf("%s version %d on %s", v.Name, v.Number, v.Branch); !slices.Contains(named, name) {
			named = append(named, name)
		}
	}
	if len(named) > 0 {
		g.logger.Warn().Str(record.FieldEvent, eventInsecure).Strs(fieldDeployments, named).
			Msg("tls is insecure: these deployments prove nothing, and anybody may answer in their place")
	}
}
