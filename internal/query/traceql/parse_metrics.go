package traceql

import "slices"

func (p *parser) isMetrics() bool {
	return p.token.kind == tokenWord && slices.Contains(metricsNames[:], p.token.text)
}

func (p *parser) metrics() (*Metrics, *ParseError) {
	m := &Metrics{Func: MetricsFunc(slices.Index(metricsNames[:], p.token.text))}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.take("("); err != nil {
		return nil, err
	}
	if m.Func > CountOverTime {
		if p.token.kind != tokenAttribute {
			return nil, p.expected("the attribute to measure, such as duration")
		}
		a := p.token.attr
		if t := typeOf(a); t != TypeUnknown && !t.numeric() {
			return nil, failAt(p.token.at, p.token.end, "%s needs numbers, but %s is %s", m.Func, a, t)
		}
		m.Attribute = &a
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	for m.Func == QuantileOverTime && p.token.is(",") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		q := p.token.value.Float()
		if p.token.kind != tokenValue || !(q >= 0 && q <= 1) || p.token.value.Type == TypeDuration {
			return nil, p.expected("a quantile from 0 to 1, such as .99")
		}
		m.Quantiles = append(m.Quantiles, q)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if m.Func == QuantileOverTime && len(m.Quantiles) == 0 {
		return nil, p.expected(`"," and a quantile from 0 to 1`)
	}
	if err := p.take(")"); err != nil {
		return nil, err
	}
	if p.token.kind == tokenWord && p.token.text == "by" {
		if err := p.advance(); err != nil {
			return nil, err
		}
		var err *ParseError
		if m.By, err = p.attributes(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (p *parser) rank() (*Rank, *ParseError) {
	if p.token.kind != tokenWord || p.token.text != "topk" && p.token.text != "bottomk" {
		return nil, p.expected("topk or bottomk")
	}
	r := &Rank{Least: p.token.text == "bottomk"}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.take("("); err != nil {
		return nil, err
	}
	if p.token.kind != tokenValue || p.token.value.Type != TypeInt || p.token.value.Int() < 1 || p.token.value.Int() > 1000 {
		return nil, p.expected("a number from 1 to 1000")
	}
	r.N = int(p.token.value.Int())
	if err := p.advance(); err != nil {
		return nil, err
	}
	return r, p.take(")")
}
