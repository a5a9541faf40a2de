# syntax=docker/dockerfile:1
# Every image of Vigía: `docker build --target stream|api|ui|flows|kafka .`
#
# Each target installs its own lock file and nothing more; the code is the same in all of them.
ARG PYTHON=3.13

# -- Where things are installed: pip, uv and their caches stay behind. ----------------------------------------------------------------
FROM python:${PYTHON}-slim-trixie AS building
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1
WORKDIR /build
COPY requirements requirements
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && uv venv /opt/vigia \
    && echo /opt/code > "$(/opt/vigia/bin/python -c 'import site; print(site.getsitepackages()[0])')/code.pth"
ENV VIRTUAL_ENV=/opt/vigia

# Faust has no wheel for arm64: there it is built, without a compiler in pure Python, by tools that are pinned too.
FROM building AS stream-packages
RUN --mount=type=cache,target=/root/.cache uv pip install --no-deps --require-hashes --build-constraints requirements/sdist.txt \
    -r requirements/stream.txt

FROM building AS api-packages
RUN --mount=type=cache,target=/root/.cache uv pip install --no-deps --require-hashes -r requirements/api.txt

FROM building AS ui-packages
RUN --mount=type=cache,target=/root/.cache uv pip install --no-deps --require-hashes -r requirements/ui.txt

FROM building AS flows-packages
RUN --mount=type=cache,target=/root/.cache uv pip install --no-deps --require-hashes -r requirements/flows.txt

# The code is a layer of its own: a commit that changes no lock file changes a megabyte of an image, and not torch.
FROM building AS code
COPY . .
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
    && uv pip install --no-deps --no-index --target /opt/code /wheel/*.whl

# -- What runs. -----------------------------------------------------------------------------------------------------------------------
FROM python:${PYTHON}-slim-trixie AS running
ENV PATH=/opt/vigia/bin:/opt/code/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp VIGIA_STATE_DIR=/var/lib/vigia
RUN groupadd --gid 10001 vigia \
    && useradd --uid 10001 --gid vigia --no-create-home --shell /usr/sbin/nologin vigia \
    && install --directory --owner=vigia --group=vigia /app /var/lib/vigia
WORKDIR /app
USER 10001:10001

# The Faust worker in its three roles, simulated traffic, migrations and the probe. No torch.
FROM running AS stream
COPY --from=stream-packages /opt/vigia /opt/vigia
COPY --from=code /opt/code /opt/code
ENV WEB_BIND=0.0.0.0 WEB_PORT=6066
EXPOSE 6066
CMD ["python", "-m", "stream", "score"]

# The inference API, and the fake source.
FROM running AS api
COPY --from=api-packages /opt/vigia /opt/vigia
COPY --from=code /opt/code /opt/code
ENV API_HOST=0.0.0.0 SOURCE_API_HOST=0.0.0.0
EXPOSE 8000
CMD ["python", "-m", "api"]

# The analysts' screen.
FROM running AS ui
COPY --from=ui-packages /opt/vigia /opt/vigia
COPY --from=code /opt/code /opt/code
ENV UI_HOST=0.0.0.0
EXPOSE 8501
CMD ["python", "-m", "ui"]

# What trains: the flows' worker and their deployments, and the servers of Prefect and MLflow at the versions that the flows speak to.
FROM running AS flows
COPY --from=flows-packages /opt/vigia /opt/vigia
COPY --from=code /opt/code /opt/code
COPY prefect.yaml ./
COPY flows flows
ENV METRICS_BIND=0.0.0.0 VIGIA_FLOWS_HOME=/app
EXPOSE 4200 5000 6069
CMD ["python", "-m", "flows"]

# -- Kafka, and the agent with which Prometheus sees it. ------------------------------------------------------------------------------
FROM maven:3.9-eclipse-temurin-21 AS jmx
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN mvn --batch-mode --quiet dependency:copy -Dartifact=io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1 \
    -DoutputDirectory=/jmx -Dmdep.stripVersion=true \
    && echo "7d61f737fd661610ccc14aea79764faa1ea94a340cbc8f0029b3d2edea3d80c1  /jmx/jmx_prometheus_javaagent.jar" | sha256sum --check --quiet

FROM apache/kafka:4.4.0 AS kafka
COPY --from=jmx /jmx/jmx_prometheus_javaagent.jar /opt/jmx/agent.jar
COPY charts/umbrella/prometheus/kafka-jmx.yml /opt/jmx/kafka-jmx.yml
ENV KAFKA_OPTS=-javaagent:/opt/jmx/agent.jar=7071:/opt/jmx/kafka-jmx.yml
EXPOSE 9092 7071
