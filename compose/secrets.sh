#!/bin/sh
# Makes the secrets of compose.yaml, each where there is none yet, and leaves those that are there as they are.
#
# A container reads its secrets as a user of its own, so the files are open to all; the directory, which containers do not
# see, is open to its owner alone.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
chmod 700 secrets
for name in database_password redis_password mqtt_password; do
    file=secrets/$name.txt
    if [ -s "$file" ]; then
        continue
    fi
    # Letters, figures, - and _: nothing that a shell, a URL or a configuration takes for something else.
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' > "$file.new"
    chmod 644 "$file.new"
    mv "$file.new" "$file"
    echo "made compose/$file"
done
