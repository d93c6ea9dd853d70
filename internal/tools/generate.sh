#!/usr/bin/env bash
# Writes proto/gen (Go, gateway, OpenAPI) from proto/tiltmeter; needs Go alone.
# Usage: generate.sh [out folder, default proto/gen]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=$(realpath -m "${1:-$root/proto/gen}")
cd "$root/internal/tools"
go run ./protogen -proto "$root/proto" -out "$out"
