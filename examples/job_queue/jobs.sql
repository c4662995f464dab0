-- The table of the job queue, for both programs. To be run once, by the owner of the database.
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant int NOT NULL DEFAULT current_setting('app.tenant')::int,
  payload text NOT NULL CHECK (payload <> ''),
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
  result text,
  ended_at timestamptz
);
CREATE INDEX jobs_waiting ON jobs (tenant, id) WHERE state = 'waiting';

-- Each transaction says which tenant it is for, and sees and writes the jobs of no other.
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_jobs ON jobs USING (tenant = current_setting('app.tenant')::int);

-- A superuser, and the owner of a table, see all rows: so the programs act as a role that is neither.
DO $$ BEGIN CREATE ROLE job_tenant NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT SELECT, INSERT, UPDATE ON jobs TO job_tenant;

-- Wakes the workers of the tenant, when the transaction that has inserted jobs is committed.
CREATE FUNCTION wake_workers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('jobs', current_setting('app.tenant'));
  RETURN NULL;
END $$;
CREATE TRIGGER wake_workers AFTER INSERT ON jobs FOR EACH STATEMENT EXECUTE FUNCTION wake_workers();
