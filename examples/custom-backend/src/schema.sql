CREATE TABLE IF NOT EXISTS store (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    epoch    TEXT NOT NULL,
    revision INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS entity (
    key      TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    value    TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
    nr       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     TEXT NOT NULL,
    service  TEXT,
    entry    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_path ON audit (path);
