"""Django on copg: `"ENGINE": "pycopg.django"` in DATABASES. Needs `copg[django]`.

Each database has a pool of copg, whose options are those of PooledDatabase in `OPTIONS["pool"]`; the pool itself is
`connections["default"].pool`. SQL, introspection and migrations are those of Django's backend for PostgreSQL, whose
classes of values (Range, Jsonb) are psycopg's: that is installed as well, but connects to nothing.
"""
