#!/bin/bash
# Draws the pictures of this folder with the program itself, from the fixtures. No display is needed.
#
#   cargo build --release && screenshots/make.sh target/release/heaproot
set -euo pipefail
heaproot=$(realpath "${1:-target/release/heaproot}")
cd "$(dirname "$0")/.."
seed=fixtures/dumps/seed-grow-b-n10.core.zst
events=fixtures/dumps/eventleaks-n9.core.zst
worker=$("$heaproot" instances "$seed" Corpus.Seed.Worker --format csv | sed -n 1134p | cut -d, -f1)
view=$("$heaproot" instances "$events" Corpus.EventLeaks.ClockView --format csv | sed -n 7p | cut -d, -f1)

"$heaproot" screenshot "$seed" --view overview -o screenshots/overview.png
"$heaproot" screenshot "$events" --view events --scale 1 -o screenshots/events.png
"$heaproot" screenshot "$events" --view dominators --scale 1 --dark -o screenshots/dominators-dark.png
"$heaproot" screenshot "$events" --view instances --type Corpus.EventLeaks.DialogButton --scale 1 -o screenshots/merged.png
"$heaproot" screenshot "$seed" --view types --scale 1 --object "$worker" -o screenshots/types.png
"$heaproot" screenshot "$seed" --view path --object "$worker" -o screenshots/path.png
"$heaproot" screenshot "$events" --view types --scale 1 --object "$view" --dark -o screenshots/types-dark.png
"$heaproot" screenshot "$events" --view statics --scale 1 --filter EventLeaks --dark -o screenshots/statics-dark.png
"$heaproot" screenshot "$seed" --view coverage --scale 1 -o screenshots/coverage.png
