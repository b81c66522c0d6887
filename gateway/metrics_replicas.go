package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

var (
	replicaLabels = []string{"branch", "deployment", "version", "replica", "role"}
	descReplicaUp = prometheus.NewDesc("switchyard_replica_up",
		"Whether a replica is up: it can be connected to, its health checks pass, and it is not ejected. Of mirrors: for all of them.", replicaLabels, nil)
	descReplicaInFlight = prometheus.NewDesc("switchyard_replica_in_flight",
		"Requests in flight at a replica.", replicaLabels, nil)
	descEjections = prometheus.NewDesc("switchyard_replica_ejections_total",
		"Replicas that were ejected because their requests failed.", nil, nil)
	descNoneUp = prometheus.NewDesc("switchyard_replica_none_up_total",
		"Requests that were sent to a replica though none of its deployment's was up.", nil, nil)
)

// replicaKey is what the series of a replica are labelled with. Endpoints and
// mirrors are no labels: with many of them there would be too many series.
type replicaKey struct {
	branch, deployment string
	version            int
	replica            string
	role               record.Role
}

// replicaGauge is what all replicas of one key show together.
type replicaGauge struct {
	up       float64
	inFlight int
}

// replicaGauges are the replicas of the snapshot that were used or are checked.
// They are collected when they are asked for.
type replicaGauges struct {
	seen map[*deployments.Replica]bool
	all  map[replicaKey]replicaGauge
}

func (s *Snapshot) replicaGauges() *replicaGauges {
	g := &replicaGauges{seen: map[*deployments.Replica]bool{}, all: map[replicaKey]replicaGauge{}}
	for _, e := range s.endpoints {
		for i := range e.backends {
			if b := &e.backends[i]; b.group != nil {
				g.add(b.group, record.Live)
			}
		}
		for i := range e.mirrors {
			g.add(e.mirrors[i].group, record.Mirror)
		}
	}
	return g
}

func (g *replicaGauges) add(group *deployments.Group, role record.Role) {
	v := group.Version()
	for _, r := range group.Replicas() {
		if g.seen[r] {
			continue
		}
		g.seen[r] = true
		state := r.State()
		if !state.Used {
			continue
		}
		key := replicaKey{branch: v.Branch, deployment: v.Name, version: v.Number, replica: r.String(), role: role}
		all, known := g.all[key]
		all.inFlight += state.InFlight
		if !known {
			all.up = 1
		}
		if !state.Up {
			all.up = 0
		}
		g.all[key] = all
	}
}

func (g *replicaGauges) collect(ch chan<- prometheus.Metric) {
	for key, all := range g.all {
		at := []string{key.branch, key.deployment, strconv.Itoa(key.version), key.replica, string(key.role)}
		ch <- prometheus.MustNewConstMetric(descReplicaUp, prometheus.GaugeValue, all.up, at...)
		ch <- prometheus.MustNewConstMetric(descReplicaInFlight, prometheus.GaugeValue, float64(all.inFlight), at...)
	}
}
