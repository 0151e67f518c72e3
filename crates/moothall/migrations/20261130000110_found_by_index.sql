-- Lists for staff are led to what they look for: see `statement` in `jobs/store.rs` and `moderation/store.rs`.
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX jobs_by_kind ON jobs (kind, created_at, id);
CREATE INDEX moderation_cases_by_claim ON moderation_cases (claimed_by, rank, opened_at, id)
    WHERE closed_at IS NULL AND claimed_by IS NOT NULL;
