package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	sdk "github.com/twinspan/twinspan/sdk"
)

var sdkRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| [^|]* \\| [^|]* \\|$")

// TestSDKSettings: docs/sdk-configuration.md lists every setting of the SDK, no other, in the order of the code.
func TestSDKSettings(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/sdk-configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range sdkRow.FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
	}
	if names := sdk.SettingNames(); !slices.Equal(listed, names) {
		t.Errorf("listed  %v\nthere are %v", listed, names)
	}
}
