package gateway

import (
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
)

// ReplicaHealth is one replica of a backend or mirror, as people are shown it.
type ReplicaHealth struct {
	Name         string // of the backend or mirror
	URL          string // without anything secret
	InFlight     int
	Down         bool   // it is left aside while there are others
	Reason       string // why it is down
	EjectedUntil time.Time
}

// Health lists the replicas of an endpoint that serves, and tells which mirrors
// are left alone for their failures; nothing of an endpoint that is not there.
func (g *Gateway) Health(name string) (replicas []ReplicaHealth, openBreakers []string) {
	s := g.Current()
	if s == nil {
		return nil, nil
	}
	e := s.find(name)
	if e == nil {
		return nil, nil
	}
	for i := range e.backends {
		if b := &e.backends[i]; b.group != nil {
			replicas = append(replicas, healthOf(b.Name, b.group)...)
		}
	}
	for i := range e.mirrors {
		m := &e.mirrors[i]
		replicas = append(replicas, healthOf(m.Name, m.group)...)
		if m.queue.State().BreakerOpen {
			openBreakers = append(openBreakers, m.Name)
		}
	}
	return replicas, openBreakers
}

func healthOf(name string, g *deployments.Group) []ReplicaHealth {
	var all []ReplicaHealth
	for _, r := range g.Replicas() {
		state := r.State()
		all = append(all, ReplicaHealth{
			Name: name, URL: r.String(), InFlight: state.InFlight, Down: !state.Up,
			Reason: state.Reason, EjectedUntil: state.EjectedUntil,
		})
	}
	return all
}
