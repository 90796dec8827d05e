"""Recording: captures are journals of packets; everything that people play is derived from them afterwards.

`client` (main process) → `egress` (process: `writer`, `journal`) → `jobs` → `composer` (subprocess: `sources`,
`packets`, `clocks`, `depacketize`, `plan`, `mixing`, `trackfile`) → objects and documents (`ledger`).
"""
