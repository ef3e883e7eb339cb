"""Real workers: processes that share a port and a file of counters."""

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from arkwright.serve.telemetry.counters import Counters

WORKER = Path(__file__).with_name("worker.py")


class Workers:
    """`port` is that of the first one started; the others join it."""

    def __init__(self, folder):
        self.folder, self.port, self.running = folder, 0, {}
        self.counters = Counters.create(folder, 2)

    def start(self, number, *options):
        process = subprocess.Popen(
            [sys.executable, WORKER, self.folder, str(number), str(self.port), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running[number] = process
        self.port = int(process.stdout.readline())
        return process

    def stop(self, number, sign=signal.SIGTERM):
        process = self.running.pop(number)
        os.kill(process.pid, sign)
        process.wait(60)
        process.stdout.close()

    def ask(self, method="POST", path="/endpoints/late/predict", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """Every sample: name and labels to value."""
        return samples(self.ask("GET", "/metrics")[2])


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found, name, **labels):
    """The sum over all samples of this name with these labels."""
    return sum(value for key, value in found.items() if key[0] == name and set(labels.items()) <= set(key[1:]))


@pytest.fixture
def workers(tmp_path):
    made = Workers(tmp_path)
    yield made
    for number in list(made.running):
        made.stop(number)


@pytest.fixture
def counters(tmp_path):
    return Counters.create(tmp_path, 2)
