package schema_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

// servingValue is how replicas serve, as plain values with the keys of a
// document.
func servingValue(s schema.Serving) object {
	o := object{"balance": string(s.Balance), "protocol": string(s.Protocol), "health": false, "outlier": false, "resolve": object{"by": "system"}, "tls": false}
	if h := s.Health; h != nil {
		status := []any{}
		for _, r := range h.Status {
			status = append(status, fmt.Sprintf("%d-%d", r.From, r.To))
		}
		o["health"] = object{
			"path": h.Path, "interval": h.Interval, "timeout": h.Timeout, "status": status,
			"healthyAfter": float64(h.HealthyAfter), "unhealthyAfter": float64(h.UnhealthyAfter),
		}
	}
	if l := s.Outlier; l != nil {
		o["outlier"] = object{
			"consecutive5xx": float64(l.Consecutive5xx), "consecutiveFailures": float64(l.ConsecutiveFailures),
			"ejection": l.Ejection, "maxEjection": l.MaxEjection,
		}
	}
	if s.Resolve != nil {
		o["resolve"] = object{"by": "dns", "interval": s.Resolve.Interval}
	}
	if t := s.TLS; t != nil {
		o["tls"] = object{"ca": t.CA.V, "cert": t.Cert.V, "key": t.Key.V, "serverName": t.ServerName, "insecure": t.Insecure}
	}
	maps.Copy(o, limitsValue(s.Limits))
	return o
}

// withServingDefaults writes into a version, as yaml.v3 reads it, all that is
// said about its replicas for all versions or by default, and takes the former
// away.
func withServingDefaults(document, version object) {
	for key, value := range (object{"balance": "least-requests", "protocol": "auto", "health": false, "outlier": false, "resolve": "system", "tls": false}) {
		if all, ok := document[key]; ok {
			value = all
		}
		absent(version, key, value)
	}
	if by, ok := version["resolve"].(string); ok {
		version["resolve"] = object{"by": by}
	}
	version["health"] = filled(version["health"], object{"interval": "10s", "timeout": "2s", "status": "200-299", "healthyAfter": 2.0, "unhealthyAfter": 3.0})
	version["outlier"] = filled(version["outlier"], object{"consecutive5xx": 5.0, "consecutiveFailures": 5.0, "ejection": "30s", "maxEjection": "5m"})
	version["resolve"] = filled(version["resolve"], object{"interval": "10s"})
	version["tls"] = filled(version["tls"], object{"ca": "", "cert": "", "key": "", "serverName": "", "insecure": false})
	if o := version["resolve"].(object); o["by"] == "system" {
		delete(o, "interval")
	}
	if o, ok := version["outlier"].(object); ok {
		o["maxEjection"] = max(o["maxEjection"].(time.Duration), o["ejection"].(time.Duration))
	}
	if o, ok := version["health"].(object); ok {
		o["status"] = statusesValue(o["status"])
	}
	withLimitDefaults(document, version)
}

// filled is a mapping with its defaults and durations, or what else it is.
func filled(v any, defaults object) any {
	given, ok := v.(object)
	if !ok {
		return v
	}
	o := maps.Clone(defaults)
	maps.Copy(o, given)
	for _, key := range []string{"interval", "timeout", "ejection", "maxEjection"} {
		if s, ok := o[key].(string); ok {
			o[key], _ = time.ParseDuration(s)
		}
	}
	return o
}

func statusesValue(v any) any {
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	var all []string
	for _, item := range items {
		s := fmt.Sprint(item)
		if !strings.Contains(s, "-") {
			s += "-" + s
		}
		all = append(all, s)
	}
	slices.Sort(all)
	values := make([]any, len(all))
	for i, s := range all {
		values[i] = s
	}
	return values
}
