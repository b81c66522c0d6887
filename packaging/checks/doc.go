// Package checks proves what packages, charts and monitoring promise: the chart
// renders to what Kubernetes takes and to settings that the gateway reads, and
// refuses values that nothing reads; rules, dashboards and the autoscaler ask for
// metrics and labels that there are; systemd takes the units; archives are whole;
// and the Debian package installs, runs as its user and answers.
//
// Kubernetes' schemas are pinned in testdata/schemas. They are compared with what
// k8s.io/kubernetes publishes, and made of it by
//
//	go test -run Schemas -update .
//
// It is a module of its own, since what it takes to check them (Helm, Kubernetes'
// types, Prometheus' parsers) is many times the size of the gateway.
package checks
