"""Each Python that has this folder in its PYTHONPATH can be made to hang, while its other threads go on: SIGUSR2 blocks
the main thread, SIGUSR1 the indexer's at its next step."""

import signal
import sys
import threading


def block(*_: object) -> None:
    threading.Event().wait()


def block_indexer(*_: object) -> None:
    sys.modules["logpost_web.indexer.indexer"].Indexer._step = block


signal.signal(signal.SIGUSR2, block)
signal.signal(signal.SIGUSR1, block_indexer)
