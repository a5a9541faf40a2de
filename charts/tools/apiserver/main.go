// Kubernetes' own API server, as a program of ours: its module cannot be installed by itself, because it replaces the modules beside it.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
