package gateway_test

import (
	"context"
	"io"
	"testing"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
)

// BenchmarkDeploymentFeatures is a request over real connections to a deployment in
// another process, through one gateway without the features and one with them, in turn:
// cpu-ns/op is the processor time of the gateway's process for a request without, and
// used/unused how many times that it is with them. "nothing" against itself says how
// far that can be trusted.
func BenchmarkDeploymentFeatures(b *testing.B) {
	url := benchmarked(b) + "/same"
	for _, c := range deploymentFeatures {
		b.Run(c.name, func(b *testing.B) {
			var gateways [2]*gateway.Gateway
			for i, f := range []files{featured(url, "", ""), featured(url, c.version, c.endpoint)} {
				pool := deployments.NewPool(deployments.PoolOptions{Transport: gateway.OwnTransport})
				defer pool.Close()
				records := record.NewLog(record.Options{Writer: io.Discard})
				ctx, cancel := context.WithCancel(context.Background())
				written := make(chan error, 1) // one result
				go func() { written <- records.Run(ctx) }()
				defer func() { cancel(); <-written }()
				gateways[i] = gateway.New(gateway.Options{Pool: pool, Logger: zerolog.Nop(), Records: records})
				if err := gateways[i].Apply(revision(f, 1)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			const turn = 64 // requests, so that the clock of the processor's time is fine enough
			var spent [2]int64
			for b.Loop() {
				for i, g := range gateways {
					before := processorTime(b)
					for range turn {
						callFeatured(b, g)
					}
					spent[i] += processorTime(b) - before
				}
			}
			b.ReportMetric(float64(spent[0])/float64(b.N*turn), "cpu-ns/request")
			b.ReportMetric(float64(spent[1])/float64(spent[0]), "used/unused")
		})
	}
}
