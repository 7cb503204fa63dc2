"""The entry of one pod of the training job: tells TensorFlow who the workers are, then becomes the training itself.

    python worker.py run=DIR data.train=FILE [further settings]

Read from the environment, all set in job.yaml but the first, which Kubernetes sets in every pod of an indexed job:

    JOB_COMPLETION_INDEX   which worker this is, counted from 0
    WORKERS                how many there are: the job's completions
    JOB, SERVICE           names of the job and of its headless service: pod N is JOB-N.SERVICE
    PORT                   where a worker listens
    NAMES_SECONDS          how long to wait until all of these names are known

All workers learn the same, and each keeps a run of its own to go on from: the first one's is the run that was asked
for, those of the others are named after it with -worker-N behind.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence

RUN = "run="


def main(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Becomes the training: its signals and its exit status are the pod's."""
    config = cluster(environment)
    wait_for_names(config["cluster"]["worker"], seconds=float(environment.get("NAMES_SECONDS", "600")))
    # Not before the names are known: one that is not may be taken for one that never will be.
    own = {**environment, "TF_CONFIG": json.dumps(config)}
    told = [*own_run(words, config["task"]["index"]), "train.strategy=multi_worker"]
    os.execve(sys.executable, [sys.executable, "-m", "tfclassify.train", *told], own)  # noqa: S606  # no shell between


def cluster(environment: Mapping[str, str]) -> dict:
    """Returns what TF_CONFIG has to say: the addresses of all workers, and which of them this is."""
    missing = [
        name for name in ("JOB_COMPLETION_INDEX", "WORKERS", "JOB", "SERVICE", "PORT") if name not in environment
    ]
    if missing:
        raise SystemExit(f"worker.py: {', '.join(missing)} not in the environment; expected in a pod of the job")
    job, service, port = (environment[name] for name in ("JOB", "SERVICE", "PORT"))
    workers = [f"{job}-{number}.{service}:{port}" for number in range(int(environment["WORKERS"]))]
    task = {"type": "worker", "index": int(environment["JOB_COMPLETION_INDEX"])}
    return {"cluster": {"worker": workers}, "task": task}


def own_run(words: Sequence[str], index: int) -> list[str]:
    """Gives every worker but the first a run of its own."""
    if not any(word.startswith(RUN) for word in words):
        raise SystemExit("worker.py: no run=DIR among the settings; expected one on the shared volume, to go on from")
    return [f"{word.rstrip('/')}-worker-{index}" if index and word.startswith(RUN) else word for word in words]


def wait_for_names(addresses: Sequence[str], *, seconds: float, pause: float = 2.0) -> None:
    """Waits until every worker's name is known, which is so when its pod has been given a place."""
    end = time.monotonic() + seconds
    for address in addresses:
        host, _, port = address.rpartition(":")
        while not known(host, int(port)):
            if time.monotonic() > end:
                # Not 2: the job ends for good where what was asked is wrong, and this may be better the next time.
                sys.stderr.write(f"worker.py: {host} is not known after {seconds:.0f} seconds\n")
                raise SystemExit(1)
            time.sleep(pause)


def known(host: str, port: int) -> bool:
    """Says whether a name has an address."""
    try:
        return bool(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror:
        return False


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
