"""Recording: packets are captured in journals, from which all playable files are composed afterwards.

`capture.client` (main process) → `capture.egress` (process: `writer`, `journal`) → `jobs` →
`composition.composer` (subprocess: `sources`, `mixing`, `track_file` and the modules of `timeline`) → objects
and documents (`capture.ledger`).
"""
