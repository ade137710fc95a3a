package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/metrics"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	dns "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const (
	leaseSeconds, renewSeconds, retrySeconds = 60, 40, 15 // of leader elections
	workers                                  = 5
)

func controllerOptions(arguments []string) (controller.ContextOptions, string, error) {
	found := controller.ContextOptions{KubernetesAPIQPS: 20, KubernetesAPIBurst: 50}
	found.HTTP01SolverResourceRequestCPU = resource.MustParse("10m")
	found.HTTP01SolverResourceRequestMemory = resource.MustParse("64Mi")
	found.HTTP01SolverResourceLimitsCPU = resource.MustParse("100m")
	found.HTTP01SolverResourceLimitsMemory = resource.MustParse("64Mi")
	found.ACMEHTTP01SolverRunAsNonRoot = true
	found.DNS01Nameservers, found.DNS01CheckAuthoritative = dns.RecursiveNameservers, true
	found.DNS01CheckRetryPeriod = 10 * time.Second
	found.ClusterIssuerAmbientCredentials = true
	found.DefaultIssuerKind, found.DefaultIssuerGroup = "Issuer", "cert-manager.io"
	found.DefaultAutoCertificateAnnotations = []string{"kubernetes.io/tls-acme"}
	found.CopiedAnnotationPrefixes = []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}

	flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
	namespace := flags.String("leader-election-namespace", "kube-system", "namespace of the Lease")
	flags.StringVar(&found.ClusterResourceNamespace, "cluster-resource-namespace", "kube-system", "namespace of ClusterIssuers' Secrets")
	flags.StringVar(&found.HTTP01SolverImage, "acme-http01-solver-image", "", "image of the solver's pods")
	flags.StringSliceVar(&found.HTTP01SolverNameservers, "acme-http01-solver-nameservers", nil, "name servers of the self-check")
	flags.IntVar(&found.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "challenges at a time")
	flags.BoolVar(&found.EnableOwnerRef, "enable-certificate-owner-ref", false, "whether a Secret goes with its Certificate")
	flags.DurationVar(&found.CertificateRequestMinimumBackoffDuration, "certificate-request-minimum-backoff-duration", time.Hour, "pause after a failed request")
	flags.DurationVar(&found.CertificateRequestMaximumBackoffDuration, "certificate-request-maximum-backoff-duration", 32*time.Hour, "longest pause")
	return found, *namespace, parse(flags, arguments)
}

func runController(ctx context.Context, arguments []string) error {
	options, namespace, err := controllerOptions(arguments)
	if err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, options)
	if err != nil {
		return err
	}
	common, err := factory.Build()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveMetrics(ctx, common) })
	group.Go(func() error { return serveHealth(ctx) })
	group.Go(func() error {
		return lead(ctx, common, namespace, func(ctx context.Context) error { return reconcile(ctx, factory, common) })
	})
	return group.Wait()
}

func reconcile(ctx context.Context, factory *controller.ContextFactory, common *controller.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, make := range controller.Known() {
		made, err := make(factory)
		if err != nil {
			return err
		}
		group.Go(func() error { return made.Run(workers, ctx) })
	}
	common.SharedInformerFactory.Start(ctx.Done())
	common.KubeSharedInformerFactory.Start(ctx.Done())
	common.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return group.Wait()
}

func lead(ctx context.Context, common *controller.Context, namespace string, work func(context.Context) error) error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(
		resourcelock.LeasesResourceLock, namespace, "cert-manager-controller", common.Client.CoreV1(),
		common.Client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name},
	)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   leaseSeconds * time.Second,
		RenewDeadline:   renewSeconds * time.Second,
		RetryPeriod:     retrySeconds * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { worked <- work(ctx); cancel() },
			OnStoppedLeading: func() {},
		},
	})
	select {
	case err := <-worked:
		return err
	default:
		return errors.New("leader election is lost")
	}
}

func serveMetrics(ctx context.Context, common *controller.Context) error {
	common.Metrics.SetupCertificateCollector(common.SharedInformerFactory.Certmanager().V1().Certificates().Lister())
	listener, err := net.Listen("tcp", ":9402")
	if err != nil {
		return err
	}
	return serve(ctx, common.Metrics.NewServer(listener), listener)
}

func serveHealth(ctx context.Context) error {
	listener, err := net.Listen("tcp", ":9403")
	if err != nil {
		return err
	}
	answer := http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) { writer.WriteHeader(http.StatusOK) })
	return serve(ctx, &http.Server{Handler: answer, ReadHeaderTimeout: 10 * time.Second}, listener)
}

func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
