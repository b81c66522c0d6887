package endpoints

// AssignAt is AssignRandom with the random number given, so that its tests are
// exact.
func (e *Endpoint) AssignAt(place float64) int { return e.assignAt(place) }
