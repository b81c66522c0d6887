// Package checks proves what packages, charts and monitoring promise: the chart
// renders to what Kubernetes takes and to settings that the gateway reads, rules
// and dashboards ask for metrics that there are, and the Debian package installs,
// runs as its user and answers.
//
// Kubernetes' schemas are pinned in testdata/schemas. They are compared with what
// k8s.io/kubernetes publishes, and made of it by
//
//	go test -run Schemas -update .
//
// It is a module of its own, since what it takes to check them (Helm, Kubernetes'
// types, Prometheus' parsers) is many times the size of the gateway.
package checks
