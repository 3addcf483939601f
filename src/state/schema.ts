/** Schema of `tailops.db`: what must survive a power cut. Times are milliseconds since 1970. */
export const stateMigrations: readonly string[] = [
  `CREATE TABLE approvals (
     id TEXT PRIMARY KEY, digest TEXT NOT NULL, tool TEXT NOT NULL, caller TEXT NOT NULL, risk TEXT NOT NULL,
     plans TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'used', 'expired')),
     created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, decided_by TEXT
   ) STRICT;
   CREATE UNIQUE INDEX approvals_open ON approvals (caller, digest) WHERE state IN ('pending', 'approved');
   CREATE INDEX approvals_newest ON approvals (created_at);
   CREATE TABLE jobs (
     id TEXT PRIMARY KEY, caller TEXT NOT NULL, tool TEXT NOT NULL, input TEXT NOT NULL, request_id TEXT,
     request_digest TEXT NOT NULL, plans TEXT NOT NULL, started_at INTEGER NOT NULL, owner TEXT NOT NULL,
     status TEXT, ended_at INTEGER, result TEXT
   ) STRICT;
   CREATE INDEX jobs_request ON jobs (caller, request_id) WHERE request_id IS NOT NULL;
   CREATE INDEX jobs_open ON jobs (owner) WHERE ended_at IS NULL;
   CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
   CREATE TABLE job_steps (
     job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, target TEXT NOT NULL, step INTEGER NOT NULL,
     phase TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, ref TEXT, outcome TEXT, note TEXT,
     UNIQUE (job, target, step, phase)
   ) STRICT;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, hash TEXT NOT NULL,
     created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER
   ) STRICT`,
  'CREATE TABLE host_keys (target TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, seen_at INTEGER NOT NULL) STRICT',
  'ALTER TABLE approvals ADD COLUMN terms TEXT',
]

/** Schema of `outputs.db`: what may be lost. */
export const outputMigrations: readonly string[] = [
  `CREATE TABLE outputs (
     handle TEXT PRIMARY KEY, text TEXT NOT NULL, caller TEXT NOT NULL, tool TEXT NOT NULL, targets TEXT NOT NULL,
     discarded_bytes INTEGER NOT NULL, bytes INTEGER NOT NULL, kept_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX outputs_oldest ON outputs (kept_at)`,
]

/** Schema of `fleet.db`: what was seen, and can be seen again. Changes are numbered for ever, also when old ones are forgotten. */
export const fleetMigrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(6)))), ('version', '0');
   CREATE TABLE sources (
     source TEXT PRIMARY KEY, tried_at INTEGER NOT NULL, seen_at INTEGER, complete INTEGER NOT NULL, gaps TEXT NOT NULL,
     error TEXT, health TEXT NOT NULL, since INTEGER NOT NULL, failures INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE resources (
     id TEXT PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, facts TEXT NOT NULL, use TEXT NOT NULL,
     seen_at INTEGER NOT NULL, since INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX resources_source ON resources (source);
   CREATE TABLE changes (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL,
     fields TEXT NOT NULL, cause TEXT
   ) STRICT;
   CREATE INDEX changes_at ON changes (at);
   CREATE TABLE findings (
     source TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, data TEXT, error TEXT, PRIMARY KEY (source, name)
   ) STRICT;
   CREATE TABLE watch (one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT`,
]
