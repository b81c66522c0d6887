package endpoints

// Assign chooses the backend of a subject by weighted rendezvous hashing,
// salted with the endpoint's name: the same on every gateway, and moving as few
// subjects as the weights allow when weights change. It returns an index into
// Backends; one of weight 0 is never chosen.
func (e *Endpoint) Assign(subject string) int { panic("not yet") }

// AssignRandom chooses a backend at random by weight.
func (e *Endpoint) AssignRandom() int { panic("not yet") }

// Sampled reports whether the mirror at index i of Mirrors gets copies of a
// subject's requests, salted with the endpoint's and the mirror's name. Raising
// the percentage only adds subjects.
func (e *Endpoint) Sampled(i int, subject string) bool { panic("not yet") }

// SampledRandom reports, at random by percentage, whether the mirror at index i
// of Mirrors gets a copy of one request.
func (e *Endpoint) SampledRandom(i int) bool { panic("not yet") }
