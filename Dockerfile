# One image for web, worker, beat and the one-shot bootstrap: they differ in their command only.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1 VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH
RUN pip install --no-cache-dir --quiet uv==0.13.9
WORKDIR /app
COPY pyproject.toml requirements.lock ./
# The lock holds the tools of development too. Taken from it is what the product needs, with its hashes.
RUN uv venv --quiet "$VIRTUAL_ENV" \
 && uv pip compile --quiet --universal --no-annotate --no-header --all-extras \
      --constraint requirements.lock pyproject.toml --output-file /tmp/names \
 && awk 'NR == FNR { split($1, a, "=="); keep[a[1]]; next } /^[^ ]/ { split($1, b, "=="); on = b[1] in keep } on' \
      /tmp/names requirements.lock > /tmp/runtime.lock \
 && uv pip sync --quiet --require-hashes --compile-bytecode /tmp/runtime.lock
COPY . .
# Development settings make secrets of their own; they go with the folder, before the layer ends.
RUN SIGNET_DATA=/tmp/data python manage.py collectstatic --no-input --verbosity 0 \
 && rm -rf /tmp/data \
 && python -m compileall -q .

FROM python:${PYTHON}-slim
ENV VIRTUAL_ENV=/opt/venv PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 \
    SIGNET_ENV=production SIGNET_DATA=/data SIGNET_BIND=0.0.0.0 SIGNET_PORT=8000
RUN groupadd --gid 10001 signet \
 && useradd --uid 10001 --gid signet --home-dir /data --no-create-home --shell /usr/sbin/nologin signet \
 && install --directory --owner signet --group signet --mode 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# For the web server; compose.yaml has others for worker and beat.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"SIGNET_PORT\"]}/healthz', timeout=3)"]
CMD ["/app/docker/web"]
