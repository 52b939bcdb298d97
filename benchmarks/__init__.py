"""What the library costs, beside other ways to do the same: ``python -m benchmarks`` or nox."""
