// A receiver that stands for kafkametricsreceiver, whose module cannot be had: of its settings those that the role
// consumer_lag gives, and of its metrics the lag of consumer groups.
package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
)

var kind = component.MustNewType("kafkametrics")

type config struct {
	configkafka.ClientConfig       `mapstructure:",squash"`
	scraperhelper.ControllerConfig `mapstructure:",squash"`
	GroupMatch                     string   `mapstructure:"group_match"`
	Scrapers                       []string `mapstructure:"scrapers"`
}

func (c *config) Validate() error {
	if strings.Join(c.Scrapers, " ") != "consumers" {
		return fmt.Errorf("scrapers: this receiver knows consumers only")
	}
	return c.ClientConfig.Validate()
}

func newKafkaMetrics() receiver.Factory {
	defaults := func() component.Config {
		return &config{ClientConfig: configkafka.NewDefaultClientConfig(), ControllerConfig: scraperhelper.NewDefaultControllerConfig()}
	}
	return receiver.NewFactory(kind, defaults, receiver.WithMetrics(newReceiver, component.StabilityLevelDevelopment))
}

func newReceiver(_ context.Context, set receiver.Settings, given component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	c := given.(*config)
	groups, err := regexp.Compile(c.GroupMatch)
	if err != nil {
		return nil, err
	}
	lag := &lag{config: c, groups: groups}
	own, err := scraper.NewMetrics(lag.scrape, scraper.WithStart(lag.start), scraper.WithShutdown(lag.stop))
	if err != nil {
		return nil, err
	}
	return scraperhelper.NewMetricsController(&c.ControllerConfig, set, next, scraperhelper.AddMetricsScraper(kind, own))
}

type lag struct {
	config *config
	groups *regexp.Regexp
	client *kgo.Client
}

func (l *lag) start(ctx context.Context, _ component.Host) error {
	options := []kgo.Opt{kgo.SeedBrokers(l.config.Brokers...), kgo.ClientID(l.config.ClientID)}
	if l.config.TLS != nil {
		tls, err := l.config.TLS.LoadTLSConfig(ctx)
		if err != nil {
			return err
		}
		if tls != nil {
			options = append(options, kgo.DialTLSConfig(tls))
		}
	}
	if sasl := l.config.Authentication.SASL; sasl != nil {
		auth := scram.Auth{User: sasl.Username, Pass: sasl.Password}
		switch sasl.Mechanism {
		case "SCRAM-SHA-256":
			options = append(options, kgo.SASL(auth.AsSha256Mechanism()))
		case "SCRAM-SHA-512":
			options = append(options, kgo.SASL(auth.AsSha512Mechanism()))
		default:
			return fmt.Errorf("mechanism %s: this receiver knows SCRAM only", sasl.Mechanism)
		}
	}
	client, err := kgo.NewClient(options...)
	l.client = client
	return err
}

func (l *lag) stop(context.Context) error {
	if l.client != nil {
		l.client.Close()
	}
	return nil
}

func (l *lag) scrape(ctx context.Context) (pmetric.Metrics, error) {
	metrics := pmetric.NewMetrics()
	admin := kadm.NewClient(l.client)
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		return metrics, err
	}
	var names []string
	for _, name := range listed.Groups() {
		if l.groups.MatchString(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return metrics, nil
	}
	found, err := admin.Lag(ctx, names...)
	if err != nil {
		return metrics, err
	}
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("kafka.consumer_group.lag_sum")
	points := metric.SetEmptyGauge().DataPoints()
	for _, group := range found.Sorted() {
		if group.Error() != nil {
			return metrics, group.Error()
		}
		for _, topic := range group.Lag.TotalByTopic().Sorted() {
			point := points.AppendEmpty()
			point.SetIntValue(topic.Lag)
			point.Attributes().PutStr("group", group.Group)
			point.Attributes().PutStr("topic", topic.Topic)
		}
	}
	return metrics, nil
}
