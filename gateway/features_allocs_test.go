//go:build !race

package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// What a version or an endpoint says about its deployments costs no allocation for each
// request, but for what its own way needs: retries and fallbacks keep the header as it
// came, and rules change it.
func TestDeploymentFeaturesCostNoAllocation(t *testing.T) {
	own := map[string]float64{"retries": 6, "fallback": 6, "rules": 6, "everything": 12}
	allocations := func(version, endpoint string) float64 {
		g := gateway.New(gateway.Options{
			Pool:   deployments.NewPool(deployments.PoolOptions{Transport: func(deployments.Destination) deployments.Transport { return canned{} }}),
			Logger: zerolog.Nop(), Records: record.NewLog(record.Options{Writer: io.Discard}),
		})
		if err := g.Apply(revision(featured("http://h/", version, endpoint), 1)); err != nil {
			t.Fatal(err)
		}
		return testbed.Allocs(200, func() {
			r := httptest.NewRequest(http.MethodPost, "/v1/e", strings.NewReader(`{"data": 10}`))
			r.Header["X-User"], r.Header["X-Timeout"] = []string{"jo"}, []string{"30"}
			g.ServeHTTP(nowhere{http.Header{}}, r)
		})
	}
	without := allocations("", "")
	for _, c := range deploymentFeatures {
		if with := allocations(c.version, c.endpoint); with > without+own[c.name] {
			t.Errorf("%s: %v allocations with it, %v without", c.name, with, without)
		}
	}
}
