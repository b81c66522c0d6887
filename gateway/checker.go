package gateway

import (
	"sync"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/endpoints"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Checker checks one revision after another as Check does, and reads only once
// what has not changed. It is safe for concurrent use; one check is made at a
// time.
type Checker struct {
	mu      sync.Mutex
	loaders loaders
}

// NewChecker makes a checker that has read nothing yet.
func NewChecker(secrets deployments.Secrets) *Checker {
	return &Checker{loaders: newLoaders(secrets)}
}

// Check is the function Check.
func (c *Checker) Check(rev schema.Revision) ([]*endpoints.Endpoint, schema.Diagnostics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	declared, _, problems := c.loaders.load(rev)
	if len(problems) > 0 {
		return nil, problems
	}
	return declared, nil
}
