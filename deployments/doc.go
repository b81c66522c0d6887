// Package deployments holds declared deployments and the running replicas of them.
package deployments
