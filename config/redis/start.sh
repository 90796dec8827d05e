#!/bin/sh
# Starts Redis with one user who may count and exchange messages under `mediaserver:`, and nothing else. The file of
# users has the hash of the password only.
set -eu
umask 077
users="${USERS_FILE:-/tmp/users.acl}"
hash=$(printf %s "$MEDIASERVER_PASSWORD" | sha256sum | cut -d ' ' -f 1)
cat > "$users" <<ACL
user default off resetchannels -@all
user mediaserver on #$hash resetkeys ~mediaserver:count:* resetchannels &mediaserver:* -@all +auth +hello +ping +select +eval +evalsha +script|load +get +incr +pexpire +pttl +del +publish +subscribe +unsubscribe
ACL
exec redis-server "${CONFIG_FILE:-/setup/redis.conf}" --aclfile "$users" "$@"
