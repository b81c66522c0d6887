// Package penguins is a small real data set and two models over it, for trying
// what copies of live requests are good for: 344 penguins of three species, each with
// four measurements, two of them without.
//
// The model of version 1 knows the bill only, and takes the mean for a measurement that is
// missing. That of version 2 knows all four measurements, is right more often, and refuses what is
// not whole. Both are multinomial logistic regressions, which [Train] fits; their
// coefficients, model_1.json and model_2.json, are written by
//
//	go run ./examples/penguins/train
//
// Where the data come from, and their licence, README.md says.
package penguins
