-- Few matches of many are disputed or aborted, and staff looks for them.

CREATE INDEX matches_disputed ON matches (id) WHERE result_status = 'disputed';
CREATE INDEX matches_aborted ON matches (id) WHERE status = 'aborted';
