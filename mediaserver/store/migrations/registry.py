"""All migrations in the order in which they run. Numbers are never reused and released entries never removed."""

from typing import Final

from mediaserver.store.migrations.m0001_username_skeletons import MIGRATION as USERNAME_SKELETONS
from mediaserver.store.migrations.m0002_verified_addresses import MIGRATION as VERIFIED_ADDRESSES
from mediaserver.store.migrations.m0003_search_terms import MIGRATIONS as SEARCH_TERMS
from mediaserver.store.migrations.m0004_session_occupancy import MIGRATION as SESSION_OCCUPANCY
from mediaserver.store.migrations.migration import Migration

MIGRATIONS: Final[tuple[Migration, ...]] = (
    USERNAME_SKELETONS,
    VERIFIED_ADDRESSES,
    SEARCH_TERMS[0],
    SESSION_OCCUPANCY,
    *SEARCH_TERMS[1:],
)
