-- Reports, the cases they make, actions about users, and appeals against them. See `moderation.rs`.

-- One row for each thing that is numbered for people.
CREATE TABLE moderation_numbers (
    kind {text} NOT NULL,
    last {i64}  NOT NULL,
    CONSTRAINT moderation_numbers_pkey PRIMARY KEY (kind)
) {strict};

CREATE TABLE moderation_cases (
    id                {id}   NOT NULL,
    number            {i64}  NOT NULL,
    target_id         {id}   NOT NULL,
    rank              {i64}  NOT NULL, -- 100 less the priority: what is lowest comes first
    terms             {json} NOT NULL, -- of the priority
    reports           {i64}  NOT NULL,
    categories        {json} NOT NULL,
    opened_at         {time} NOT NULL,
    updated_at        {time} NOT NULL,
    claimed_by        {id},
    claimed_until     {time},
    snoozed_until     {time},
    second_opinion_by {id},
    closed_at         {time},
    closed_by         {id},
    outcome           {text},
    version           {i64}  NOT NULL,
    CONSTRAINT moderation_cases_pkey PRIMARY KEY (id),
    CONSTRAINT moderation_cases_target_id_fkey FOREIGN KEY (target_id) REFERENCES users (id)
) {strict};
-- Invariant: a user has one open case.
CREATE UNIQUE INDEX moderation_cases_open ON moderation_cases (target_id) WHERE closed_at IS NULL;
CREATE INDEX moderation_cases_queue ON moderation_cases (rank, opened_at, id) WHERE closed_at IS NULL;
CREATE INDEX moderation_cases_by_target ON moderation_cases (target_id, id);
CREATE INDEX moderation_cases_by_age ON moderation_cases (updated_at) WHERE closed_at IS NULL;

CREATE TABLE reports (
    id           {id}   NOT NULL,
    number       {i64}  NOT NULL,
    reporter_id  {id},             -- NULL for the server itself
    target_id    {id}   NOT NULL,
    subject      {text} NOT NULL,
    subject_id   {text} NOT NULL,  -- of the message or the lobby
    category     {text} NOT NULL,
    text         {text} NOT NULL,
    is_automatic {bool} NOT NULL,
    evidence     {json} NOT NULL,  -- frozen
    case_id      {id}   NOT NULL,
    score        {json} NOT NULL,  -- terms
    created_at   {time} NOT NULL,
    closed_at    {time},
    outcome      {text},
    CONSTRAINT reports_pkey PRIMARY KEY (id),
    CONSTRAINT reports_case_id_fkey FOREIGN KEY (case_id) REFERENCES moderation_cases (id)
) {strict};
CREATE UNIQUE INDEX reports_once ON reports (reporter_id, target_id, subject, subject_id) WHERE closed_at IS NULL;
CREATE INDEX reports_by_case ON reports (case_id, id);
CREATE INDEX reports_by_target ON reports (target_id, id);
CREATE INDEX reports_by_reporter ON reports (reporter_id, id);
CREATE INDEX reports_by_reporter_and_day ON reports (reporter_id, created_at);

CREATE TABLE reporter_credit (
    user_id  {id}   NOT NULL,
    category {text} NOT NULL,
    agreed   {i64}  NOT NULL,
    decided  {i64}  NOT NULL,
    CONSTRAINT reporter_credit_pkey PRIMARY KEY (user_id, category)
) {strict};

CREATE TABLE moderation_notes (
    id         {id}   NOT NULL,
    user_id    {id}   NOT NULL,
    case_id    {id},
    kind       {text} NOT NULL,
    text       {text} NOT NULL,
    is_pinned  {bool} NOT NULL,
    author_id  {id},
    created_at {time} NOT NULL,
    CONSTRAINT moderation_notes_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX moderation_notes_by_user ON moderation_notes (user_id, id);

CREATE TABLE moderation_actions (
    id              {id}   NOT NULL,
    number          {i64}  NOT NULL,
    user_id         {id}   NOT NULL,
    kind            {text} NOT NULL,
    category        {text} NOT NULL,
    reason          {text} NOT NULL,
    public_reason   {text} NOT NULL,
    author_id       {id},
    case_id         {id},
    before          {json} NOT NULL,
    after           {json} NOT NULL,
    created_at      {time} NOT NULL,
    acknowledged_at {time},
    reverted_at     {time},
    reverted_by     {id},
    revert_reason   {text},
    CONSTRAINT moderation_actions_pkey PRIMARY KEY (id),
    CONSTRAINT moderation_actions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX moderation_actions_by_user ON moderation_actions (user_id, id);

CREATE TABLE user_marks (
    user_id   {id}   NOT NULL,
    mark      {text} NOT NULL,
    action_id {id}   NOT NULL,
    CONSTRAINT user_marks_pkey PRIMARY KEY (user_id, mark)
) {strict};
CREATE INDEX user_marks_by_action ON user_marks (action_id);

CREATE TABLE appeals (
    id         {id}   NOT NULL,
    user_id    {id}   NOT NULL,
    action_id  {id}   NOT NULL,
    actor_id   {id},            -- who did what it is against
    created_at {time} NOT NULL,
    decided_at {time},
    decided_by {id},
    outcome    {text},
    decision   {text},
    CONSTRAINT appeals_pkey PRIMARY KEY (id),
    CONSTRAINT appeals_action_id_fkey FOREIGN KEY (action_id) REFERENCES moderation_actions (id)
) {strict};
-- Invariant: an action has one open appeal.
CREATE UNIQUE INDEX appeals_open ON appeals (action_id) WHERE decided_at IS NULL;
CREATE INDEX appeals_by_action ON appeals (action_id, id);
CREATE INDEX appeals_by_user ON appeals (user_id, id);
CREATE INDEX appeals_queue ON appeals (id) WHERE decided_at IS NULL;

CREATE TABLE appeal_messages (
    appeal_id {id}   NOT NULL,
    position  {i64}  NOT NULL,
    author_id {id},
    is_staff  {bool} NOT NULL,
    text      {text} NOT NULL,
    at        {time} NOT NULL,
    CONSTRAINT appeal_messages_pkey PRIMARY KEY (appeal_id, position),
    CONSTRAINT appeal_messages_appeal_id_fkey FOREIGN KEY (appeal_id) REFERENCES appeals (id)
) {strict};

-- What was counted in a month, by name.
CREATE TABLE moderation_months (
    month {text} NOT NULL, -- such as 2026-11, in UTC
    name  {text} NOT NULL,
    total {i64}  NOT NULL,
    CONSTRAINT moderation_months_pkey PRIMARY KEY (month, name)
) {strict};

-- What moderators found of two accounts; the lower id first.
CREATE TABLE alternate_links (
    low_id    {id}   NOT NULL,
    high_id   {id}   NOT NULL,
    verdict   {text} NOT NULL,
    linked_by {id},
    linked_at {time} NOT NULL,
    CONSTRAINT alternate_links_pkey PRIMARY KEY (low_id, high_id)
) {strict};
CREATE INDEX alternate_links_by_high ON alternate_links (high_id);
