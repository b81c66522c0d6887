package checks_test

import (
	"fmt"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// validate reads an object as Kubernetes' own types, in which every field must be.
// What values a field may have it does not know.
func validate(kind string, text []byte) error {
	kinds := map[string]any{
		"ConfigMap": &core.ConfigMap{}, "Service": &core.Service{}, "ServiceAccount": &core.ServiceAccount{},
		"Deployment": &apps.Deployment{}, "StatefulSet": &apps.StatefulSet{},
		"PodDisruptionBudget": &policy.PodDisruptionBudget{}, "HorizontalPodAutoscaler": &autoscaling.HorizontalPodAutoscaler{},
		"NetworkPolicy": &networking.NetworkPolicy{}, "Ingress": &networking.Ingress{},
	}
	object, ok := kinds[kind]
	if !ok {
		return fmt.Errorf("the chart renders a %s, which is not known here", kind)
	}
	return yaml.UnmarshalStrict(text, object)
}
