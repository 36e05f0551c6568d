"""What the system knows of a gateway's processes, by process."""

from collections.abc import Mapping
from functools import partial

from prometheus_client import ProcessCollector

from gateway.observability.merging import Family, families_of


def process_families(processes: Mapping[str, int]) -> list[Family]:
    """Read memory, processor time and open files of several processes; these are files, so off the event loop.

    Args:
        processes: what each is called in the label `worker`, and its process id; one that has ended is left out.
    """
    return [
        family.labelled(worker=name)
        for name, pid in processes.items()
        for family in families_of(ProcessCollector(pid=partial(int, pid), registry=None))
    ]
