#!/bin/sh
# Runs once, when the volume is new: the service's role owns the schemas that it fills and nothing else, and a second
# role may only read. A volume of an earlier release keeps its one role.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
  --set=password="$AGGREGATOR_PASSWORD" --set=reader_password="${READER_PASSWORD:-}" <<'SQL'
CREATE ROLE aggregator LOGIN PASSWORD :'password';
REVOKE ALL ON DATABASE aggregator FROM PUBLIC;
GRANT CONNECT, CREATE ON DATABASE aggregator TO aggregator;
ALTER SCHEMA public OWNER TO aggregator;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

CREATE ROLE aggregator_reader NOLOGIN;
SELECT set_config('roles.reader_password', :'reader_password', false) \gset
DO $$ BEGIN
  IF current_setting('roles.reader_password') <> '' THEN
    EXECUTE format('ALTER ROLE aggregator_reader LOGIN PASSWORD %L', current_setting('roles.reader_password'));
  END IF;
END $$;
ALTER ROLE aggregator_reader SET default_transaction_read_only = on;
GRANT CONNECT ON DATABASE aggregator TO aggregator_reader;
GRANT USAGE ON SCHEMA public TO aggregator_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE aggregator IN SCHEMA public GRANT SELECT ON TABLES TO aggregator_reader;
SQL
