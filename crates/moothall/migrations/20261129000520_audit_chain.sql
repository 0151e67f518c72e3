-- Each line of the audit log carries a hash of itself and of the line before: see `audit/chain.rs`. Lines that are there already are chained
-- when the server starts.

ALTER TABLE audit_log ADD COLUMN number {i64};   -- its place in the chain, from 1; NULL for a moment after it is written
ALTER TABLE audit_log ADD COLUMN hash {bytes};
ALTER TABLE audit_log ADD COLUMN address {text}; -- from where it was done
ALTER TABLE audit_log ADD COLUMN agent {text};   -- what the client called itself
CREATE UNIQUE INDEX audit_log_in_chain ON audit_log (number) WHERE number IS NOT NULL;
CREATE INDEX audit_log_unchained ON audit_log (at, id) WHERE number IS NULL;
