package otlp

import (
	"testing"

	"github.com/twinspan/twinspan/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
