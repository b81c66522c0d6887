package draft

// Since says of each line of the first of several texts, the newest first, since
// which of them it has stood there: the index of the oldest.
func Since(texts ...[]byte) []int {
	if len(texts) == 0 {
		return nil
	}
	newest := lines(texts[0])
	since, at := make([]int, len(newest)), make([]int, len(newest)) // at: where it stands in the text that is looked at
	for i := range at {
		at[i] = i
	}
	for k := 1; k < len(texts); k++ {
		before := map[int]int{}
		for _, l := range aligned(lines(texts[k]), lines(texts[k-1])) {
			if l.Kind == "same" {
				before[l.New-1] = l.Old - 1
			}
		}
		for i := range newest {
			if old, ok := before[at[i]]; ok && since[i] == k-1 {
				since[i], at[i] = k, old
			}
		}
	}
	return since
}
