# `make charts`: everything that can be known of the chart without a cluster. Included by the Makefile, which has $(BIN) and `setup`.
# Other checks use the tools of $(TOOL) too: ask for `chart-tools` first.
CHART := charts/umbrella
TOOLS := charts/tools
TOOL := $(TOOLS)/bin
SCHEMAS := $(TOOLS)/.cache/schemas
RENDERED := $(TOOLS)/.cache/rendered
# With the values of each, the chart must render, comply and be sound.
RENDERINGS := default trial production external
values-default :=
values-trial := --values $(CHART)/values-trial.yaml
values-production := --values $(CHART)/values-production.yaml
values-external := --values $(CHART)/tests/values/external.yaml
SCHEMA_OF = -schema-location '$(SCHEMAS)/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json' \
            -schema-location '$(SCHEMAS)/custom/{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json'

.PHONY: charts chart-tools chart-schemas chart-renderings chart-asked

charts: chart-renderings chart-schemas chart-asked
	$(TOOL)/helm-unittest --strict --file 'tests/*_test.yaml' $(CHART)
	@for version in 1.37.0 1.30.0; do echo "Kubernetes $$version:" && $(TOOL)/kubeconform -strict -summary -kubernetes-version $$version $(SCHEMA_OF) \
	  $(RENDERINGS:%=$(RENDERED)/%.yaml) charts/argocd/*.yaml || exit 1; done
	$(BIN)/python $(TOOLS)/policy.py $(RENDERINGS:%=$(RENDERED)/%.yaml)

chart-renderings: chart-tools
	@mkdir -p $(RENDERED)
	@$(foreach each,$(RENDERINGS),echo "helm lint and template: $(each)" \
	  && $(TOOL)/helm lint --strict --quiet $(CHART) $(values-$(each)) \
	  && $(TOOL)/helm template vigia $(CHART) --namespace mlops $(values-$(each)) > $(RENDERED)/$(each).yaml &&) true

# Built from their sources at the versions of go.sum; minutes the first time, and then only when they change.
chart-tools: $(TOOL)/.built
$(TOOL)/.built: $(TOOLS)/go.mod $(TOOLS)/go.sum $(TOOLS)/compose/go.mod $(TOOLS)/compose/go.sum
	@command -v go >/dev/null || { echo "The tools that check the chart are built with Go: install it with your system's packages"; exit 1; }
	@echo "Building helm, helm-unittest, kubeconform, actionlint and compose-go into $(TOOL) (some minutes the first time)"
	@mkdir -p $(TOOL)
	@cd $(TOOLS) && go build -trimpath -o bin/ tool
	@cd $(TOOLS)/compose && go build -trimpath -o ../bin/compose-go github.com/compose-spec/compose-go/v2/cmd
	@touch $@

# What only Kubernetes' API server knows, such as the rules in definitions: it is built from its sources and asked, with nothing behind it.
chart-asked: chart-renderings $(TOOL)/.apiserver
	$(BIN)/python $(TOOLS)/dryrun.py $(TOOL) $(RENDERINGS:%=$(RENDERED)/%.yaml) charts/argocd/*.yaml
$(TOOL)/.apiserver: $(TOOLS)/apiserver/main.go $(TOOLS)/apiserver/go.mod $(TOOLS)/apiserver/go.sum
	@echo "Building Kubernetes' API server and etcd into $(TOOL) (five minutes of two cores the first time)"
	@mkdir -p $(TOOL)
	@cd $(TOOLS)/apiserver && go build -trimpath -o ../bin/ . go.etcd.io/etcd/server/v3
	@touch $@

# Kubernetes' own schemas and those of other people's objects; made again when their versions change.
chart-schemas: $(SCHEMAS)/.made
$(SCHEMAS)/.made: $(TOOLS)/schemas.py $(TOOLS)/requirements.txt | setup
	@echo "Fetching the schemas of Kubernetes, KEDA, Argo CD, CloudNativePG, the Prometheus operator, the Gateway API and Strimzi"
	@$(BIN)/python $(TOOLS)/schemas.py $(SCHEMAS)
	@touch $@
