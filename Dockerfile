# The control plane. A plain Dockerfile: the legacy builder and BuildKit both build it.
# docker-compose.yml brings it up together with the runner image.

FROM node:24-bookworm-slim AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY contract/package.json contract/
COPY db/package.json db/
COPY control-plane/package.json control-plane/
COPY processes/package.json processes/
COPY runner/package.json runner/
COPY simulator/package.json simulator/
COPY test/package.json test/
COPY bench/package.json bench/

FROM manifest AS modules
# better-sqlite3 brings a binary from GitHub, and is compiled where that cannot be reached.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update --quiet=2 \
 && apt-get install --quiet=2 --yes --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
RUN npm ci --omit=dev --ignore-scripts --workspace control-plane --workspace db --workspace contract --workspace processes \
 && npm_config_nodedir=/usr/local npm rebuild better-sqlite3 \
 && rm -rf node_modules/better-sqlite3/deps node_modules/better-sqlite3/build/Release/obj*

FROM manifest AS build
RUN npm ci --ignore-scripts --workspace control-plane --workspace db --workspace contract --workspace processes --include-workspace-root
COPY tsconfig.base.json ./
COPY contract contract
COPY db db
COPY processes processes
COPY control-plane control-plane
COPY scripts/bundle.mjs scripts/
RUN npx tsc -b control-plane && node scripts/bundle.mjs control-plane

FROM node:24-bookworm-slim
WORKDIR /app
# Of each workspace its package.json, and the packages of its own where it needs another version than the rest.
COPY --from=modules /app/node_modules node_modules
COPY --from=modules /app/contract contract
COPY --from=modules /app/db db
COPY --from=modules /app/processes processes
COPY --from=modules /app/control-plane control-plane
COPY --from=build /app/db/migrations db/migrations
COPY --from=build /app/control-plane/build control-plane/build
COPY docker/seccomp.json docker/seccomp.json
COPY package.json ./
ENV NODE_ENV=production DATA_DIR=/data RUNTIME=docker
VOLUME /data
# Closing lets running calls end first.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s CMD ["node", "/app/control-plane/build/health-check.js"]
ENTRYPOINT ["node", "--enable-source-maps", "/app/control-plane/build/main.js"]
