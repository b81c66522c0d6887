package endpoints_test

// vectors are subjects of the endpoint of TestS06Vectors: the backend, and
// whether mirror_1 at 50 % and mirror_2 at 10 % get copies.
var vectors = map[string]string{
	"":                                     "holdout false false",
	"a":                                    "experiment false true",
	"user-1":                               "control false false",
	"user-2":                               "control true false",
	"user-3":                               "experiment true false",
	"user-4":                               "control true true",
	"user-5":                               "experiment false true",
	"42":                                   "control false false",
	"43":                                   "control false false",
	"44":                                   "control true false",
	"1e3":                                  "holdout false false",
	"alice@example.com":                    "experiment false false",
	"bob@example.com":                      "control false false",
	"carol@example.com":                    "experiment false false",
	"Zoë":                                  "control false false",
	"用户":                                   "experiment false true",
	"0f8fad5b-d9cb-469f-a165-70867728950e": "control true false",
	"7c9e6679-7425-40de-944b-e07fc1f90ae7": "control true false",
	"the quick brown fox jumps over the lazy dog, and on": "experiment false false",
}
