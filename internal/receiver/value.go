package receiver

import common "go.opentelemetry.io/proto/otlp/common/v1"

// Attributes are attributes by name, as Go has their values.
func Attributes(all []*common.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range all {
		values[a.Key] = value(a.Value)
	}
	return values
}

func value(v *common.AnyValue) any {
	switch v := v.Value.(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		return v.DoubleValue
	case *common.AnyValue_ArrayValue:
		var all []any
		for _, item := range v.ArrayValue.Values {
			all = append(all, value(item))
		}
		return all
	case *common.AnyValue_KvlistValue:
		return Attributes(v.KvlistValue.Values)
	}
	return nil
}
