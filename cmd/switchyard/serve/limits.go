package serve

import (
	"context"
	"fmt"

	"github.com/switchyard-gateway/switchyard/access/shared"
)

func (p *process) makeSharedLimits() (err error) {
	if p.options.SharedLimits == nil {
		return nil
	}
	o := *p.options.SharedLimits
	o.Logger = p.logger
	if p.limits, err = shared.New(o); err != nil {
		return fmt.Errorf("shared limits: %w", err)
	}
	return nil
}

// runSharedLimits tries their server whenever it is away, until ctx ends.
func (p *process) runSharedLimits(ctx context.Context) error {
	if p.limits != nil {
		p.limits.Run(ctx)
	}
	return nil
}
