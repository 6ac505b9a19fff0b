#!/bin/sh
# Creates the secrets of docker-compose.yml in ./secrets (or the folder given). Existing secrets stay.
set -eu
folder=${1:-secrets}

# Containers read the files as various users, so only the mode of the folder protects them.
umask 022
mkdir -p "$folder"
chmod 700 "$folder"

random() { head -c 64 /dev/urandom | od -An -tx1 | tr -d ' \n' | cut -c1-64; }

make() {
  if [ ! -s "$folder/$1" ]; then
    printf '%s\n' "$2" >"$folder/$1"
    echo "made $folder/$1"
  fi
}

make enginel_secret_key "$(random)"
make enginel_metrics_token "$(random)"
make database_password "$(random)"
make database_url "postgresql://enginel:$(cat "$folder/database_password")@database:5432/enginel"
make valkey_password "$(random)"
make valkey_config "requirepass $(cat "$folder/valkey_password")"
make redis_url "redis://:$(cat "$folder/valkey_password")@valkey:6379/0"
make grafana_password "$(random)"
