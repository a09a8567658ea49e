package config

import (
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Print writes the configuration as YAML, each setting with the name of its environment variable. Load reads it back to
// the same.
func (c *Config) Print(w io.Writer) error {
	var root yaml.Node
	if err := root.Encode(c); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	comment(&root, nil)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&root); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return e.Close()
}

func comment(n *yaml.Node, path []string) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		sub := append(path[:len(path):len(path)], key.Value)
		if value.Kind == yaml.MappingNode {
			comment(value, sub)
			continue
		}
		if value.Kind == yaml.SequenceNode {
			value.Style = yaml.FlowStyle
		}
		value.LineComment = envName(sub)
	}
}
