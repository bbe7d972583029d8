"""Task sizes that Fargate offers."""

from __future__ import annotations

FARGATE_MEMORY: dict[int, range] = {
    256: range(512, 2049, 512),  # without 1536, see fargate_memory
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
"""The memory in MiB that Fargate offers for each value of CPU units.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
"""


def fargate_memory(cpu: int) -> tuple[int, ...]:
    """The memory in MiB that Fargate offers for these CPU units."""
    return tuple(memory for memory in FARGATE_MEMORY[cpu] if (cpu, memory) != (256, 1536))


def listed_sizes(sizes: tuple[int, ...]) -> str:
    """The sizes as text for messages."""
    few = 4
    if len(sizes) <= few:
        return f"{', '.join(str(size) for size in sizes[:-1])} or {sizes[-1]}"
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
