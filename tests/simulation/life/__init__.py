"""Lives: some hundred customers of six providers, for months, with everything that goes wrong in a year.

`books` is what really happened, `people` who pays and how, `places` the providers' side, `mishaps` the bad
days, `machine` the daemon with all its jobs, `world` the clock that jumps from one thing to the next, and
`promises` what must hold at every moment of it.
"""
