// cert-manager in one program: `cert-manager controller`, `webhook`, `cainjector` or `acmesolver`, then that part's
// options as the chart gives them. Issuers: ACME, a CA, self-signed.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/component-base/logs/api/v1"

	"github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/webhook/options"
)

type part func(ctx context.Context, arguments []string) error

var parts = map[string]part{
	"controller": runController, "webhook": runWebhook, "cainjector": runInjector, "acmesolver": runSolver,
}

func main() {
	logf.InitLogs()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: cert-manager controller|webhook|cainjector|acmesolver OPTION...")
		os.Exit(2)
	}
	name := os.Args[1]
	ctx = logf.NewContext(ctx, logf.Log, name)
	if err := parts[name](ctx, os.Args[2:]); err != nil && !errors.Is(err, context.Canceled) {
		logf.Log.Error(err, name+" ends")
		os.Exit(1)
	}
}

// parse reads options and applies the log level; options that only the original program knows are ignored.
func parse(flags *pflag.FlagSet, arguments []string) error {
	logging := v1.NewLoggingConfiguration()
	v1.AddFlags(logging, flags)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	return logf.ValidateAndApply(logging)
}

func runWebhook(ctx context.Context, arguments []string) error {
	settings, err := options.NewWebhookConfiguration()
	if err != nil {
		return err
	}
	flags := pflag.NewFlagSet("webhook", pflag.ContinueOnError)
	options.AddConfigFlags(flags, settings)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if err := logf.ValidateAndApply(&settings.Logging); err != nil {
		return err
	}
	server, err := webhook.NewCertManagerWebhookServer(logf.FromContext(ctx), *settings)
	if err != nil {
		return err
	}
	return server.Run(ctx)
}

func runSolver(ctx context.Context, arguments []string) error {
	found := &solver.HTTP01Solver{}
	flags := pflag.NewFlagSet("acmesolver", pflag.ContinueOnError)
	flags.IntVar(&found.ListenPort, "listen-port", 8089, "port to answer on")
	flags.StringVar(&found.Domain, "domain", "", "name to be verified")
	flags.StringVar(&found.Token, "token", "", "the challenge's token")
	flags.StringVar(&found.Key, "key", "", "the answer")
	if err := parse(flags, arguments); err != nil {
		return err
	}
	stopped := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = found.Shutdown(ending)
	})
	defer stopped()
	if err := found.Listen(logf.FromContext(ctx)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
