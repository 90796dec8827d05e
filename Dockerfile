# Everything that is needed comes as wheels: FFmpeg, libsrtp and OpenSSL are inside them, no compiler is used.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY mediaserver ./mediaserver
RUN python -m venv /opt/mediaserver \
    && /opt/mediaserver/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin mediaserver \
    && install --directory --owner=mediaserver --group=mediaserver --mode=0700 /data
COPY --from=build /opt/mediaserver /opt/mediaserver
COPY config /etc/mediaserver
ENV PATH=/opt/mediaserver/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER mediaserver
WORKDIR /data
# Secrets, running captures and, with the local backends, documents and objects.
VOLUME /data
# Pages, REST and Socket.IO; one UDP port for each media worker of config/production.toml.
EXPOSE 8080/tcp 40000-40001/udp
STOPSIGNAL SIGTERM
# By HTTP, or by HTTPS when the server has a certificate (which need not be valid for 127.0.0.1).
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import ssl, urllib.request as r\ntry: r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)\nexcept OSError: r.urlopen('https://127.0.0.1:8080/healthz', timeout=2, context=ssl._create_unverified_context())"]
ENTRYPOINT ["mediaserver"]
CMD ["serve", "--config", "/etc/mediaserver/production.toml"]
