#!/bin/sh
# Makes the bucket and a user for the server who may use that bucket and nothing else. May be repeated.
set -eu
mc mb --ignore-existing objects/media
mc admin policy create objects mediaserver-bucket /setup/policy.json
mc admin user add objects mediaserver "$MEDIASERVER_PASSWORD"
# Attaching a policy that is attached already is an error, and no failure.
mc admin policy attach objects mediaserver-bucket --user mediaserver ||
  mc admin policy entities objects --user mediaserver | grep -q mediaserver-bucket
