"""What the pipelines in .github/workflows do, as modules that run anywhere: `python3 -m rayeks.pipelines.touched main`.

`comment`, `drift` and `github` hold a token that can write, so they need nothing but Python itself.
"""
