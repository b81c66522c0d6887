package checks_test

import (
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kubectl-validate/pkg/openapiclient"
	"sigs.k8s.io/kubectl-validate/pkg/utils"
	"sigs.k8s.io/kubectl-validate/pkg/validator"
)

// kubernetesVersion is the one whose schemas objects are checked against: the
// oldest that the chart is for.
const kubernetesVersion = "1.27"

var schemas = sync.OnceValues(func() (*validator.Validator, error) {
	return validator.New(openapiclient.NewHardcodedBuiltins(kubernetesVersion))
})

// validate checks an object as the API server would: unknown and duplicate fields,
// types, and what the schema wants.
func validate(text []byte) error {
	v, err := schemas()
	if err != nil {
		return fmt.Errorf("read Kubernetes' schemas: %w", err)
	}
	documents, err := utils.SplitYamlDocuments(text)
	if err != nil {
		return err
	}
	var all []error
	for _, d := range documents {
		_, object, err := v.Parse(d)
		if err == nil {
			err = v.Validate(&unstructured.Unstructured{Object: object.Object})
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}
