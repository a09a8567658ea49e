package store

// newest is a heap of rows, greatest time first. A search seldom wants all rows of a block, so they are not sorted.
type newest []timedRow

type timedRow struct {
	at  int64
	row int
}

func (h newest) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h newest) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].at > h[child].at {
			child++
		}
		if h[i].at >= h[child].at {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func (h *newest) pop() timedRow {
	old := *h
	top := old[0]
	old[0] = old[len(old)-1]
	*h = old[:len(old)-1]
	h.down(0)
	return top
}

type itemHeap []item

func (h itemHeap) Len() int { return len(h) }

func (h itemHeap) Less(i, j int) bool {
	return h[i].at > h[j].at || h[i].at == h[j].at && h[i].stage < h[j].stage
}

func (h itemHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *itemHeap) Push(x any) { *h = append(*h, x.(item)) }

func (h *itemHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = item{}
	*h = old[:len(old)-1]
	return x
}
