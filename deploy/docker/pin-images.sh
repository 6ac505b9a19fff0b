#!/bin/sh
# Pins each image of docker-compose.yml and of the Dockerfile to the registry's current digest, behind its version.
# Change a version, run `make pin-images`, review the difference and commit it. Needs docker with buildx, and a network.
set -eu
cd "${1:-.}"

digest_of() {
  docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'
}

images=$(sed -nE \
  -e 's/^ +image: ([a-z0-9._\/-]+:[A-Za-z0-9._-]+)(@sha256:[0-9a-f]+)?$/\1/p' \
  -e 's/^ARG PYTHON_IMAGE=([a-z0-9._\/-]+:[A-Za-z0-9._-]+)(@sha256:[0-9a-f]+)?$/\1/p' \
  docker-compose.yml Dockerfile)

# Get all digests first, so that a failure changes nothing.
pinned=""
for image in $images; do
  digest=$(digest_of "$image")
  if ! printf '%s\n' "$digest" | grep -qxE 'sha256:[0-9a-f]{64}'; then
    echo "The registry returned no digest for $image." >&2
    exit 1
  fi
  pinned="$pinned $image@$digest"
done
for reference in $pinned; do
  image=${reference%@*}
  pattern=$(printf '%s' "$image" | sed 's/[.]/\\./g')
  for file in docker-compose.yml Dockerfile; do
    sed -E -e "s#^( +image: |ARG PYTHON_IMAGE=)$pattern(@sha256:[0-9a-f]+)?\$#\\1$reference#" "$file" >"$file.pinned"
    cat "$file.pinned" >"$file"
    rm "$file.pinned"
  done
  echo "$reference"
done
