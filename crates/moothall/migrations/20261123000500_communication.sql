-- Rooms, who is in them, and what was said. See `communication.rs`.

CREATE TABLE rooms (
    id             {id}   NOT NULL,
    kind           {text} NOT NULL, -- room, direct or group
    name           {text},          -- as shown
    name_key       {text},          -- folded, for order and search; only rooms that are not archived hold a name
    name_look      {text},          -- what the name looks like; no two rooms look alike
    topic          {text} NOT NULL,
    member_only    {bool} NOT NULL,
    read_only      {bool} NOT NULL,
    slow_mode_ms   {i64}  NOT NULL,
    retention_days {i64},           -- NULL for the server's setting
    members        {i64}  NOT NULL, -- how many there are in room_members
    last_seq       {i64}  NOT NULL, -- of the newest message ever sent
    swept_seq      {i64}  NOT NULL, -- messages up to this one are gone for good
    version        {i64}  NOT NULL,
    created_at     {time} NOT NULL,
    active_at      {time} NOT NULL, -- when the newest message was sent
    archived_at    {time},
    pair           {bytes},         -- of a direct conversation: both user ids, the lower one first
    CONSTRAINT rooms_pkey PRIMARY KEY (id)
) {strict};
CREATE UNIQUE INDEX rooms_name_key ON rooms (name_key);
CREATE UNIQUE INDEX rooms_name_look ON rooms (name_look);
CREATE UNIQUE INDEX rooms_pair ON rooms (pair);
CREATE INDEX rooms_with_retention ON rooms (id) WHERE retention_days IS NOT NULL;

CREATE TABLE room_members (
    room_id       {id}   NOT NULL,
    user_id       {id}   NOT NULL,
    kind          {text} NOT NULL, -- the room's, which never changes
    role          {text} NOT NULL,
    joined_at     {time} NOT NULL,
    delivered_seq {i64}  NOT NULL,
    read_seq      {i64}  NOT NULL,
    sent_at       {time},          -- the member's last message, for slow mode
    CONSTRAINT room_members_pkey PRIMARY KEY (room_id, user_id),
    CONSTRAINT room_members_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms (id),
    CONSTRAINT room_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
CREATE INDEX room_members_by_user ON room_members (user_id, kind, role);

-- No foreign keys: rooms and users are never deleted, only archived and erased, and this table is written with every word.
CREATE TABLE messages (
    id          {id}   NOT NULL,
    room_id     {id}   NOT NULL,
    seq         {i64}  NOT NULL,
    sender_id   {id}   NOT NULL,
    text        {text} NOT NULL,
    attachments {json},          -- NULL for none
    mentions    {json},          -- user ids; NULL for none
    reply_to    {id},
    version     {i64}  NOT NULL,
    created_at  {time} NOT NULL, -- never before that of a lower seq
    edited_at   {time},
    deleted_at  {time},          -- a tombstone: what it said is in message_versions
    CONSTRAINT messages_pkey PRIMARY KEY (id)
) {strict};
CREATE UNIQUE INDEX messages_in_order ON messages (room_id, seq);

-- One row per mention, to count those not read.
CREATE TABLE message_mentions (
    user_id {id}  NOT NULL,
    room_id {id}  NOT NULL,
    seq     {i64} NOT NULL,
    CONSTRAINT message_mentions_pkey PRIMARY KEY (user_id, room_id, seq)
) {strict};
CREATE INDEX message_mentions_by_message ON message_mentions (room_id, seq);

-- What messages said before they were edited or deleted, for staff.
CREATE TABLE message_versions (
    message_id  {id}   NOT NULL,
    version     {i64}  NOT NULL,
    text        {text} NOT NULL,
    attachments {json},
    replaced_at {time} NOT NULL,
    CONSTRAINT message_versions_pkey PRIMARY KEY (message_id, version),
    CONSTRAINT message_versions_message_id_fkey FOREIGN KEY (message_id) REFERENCES messages (id) ON DELETE CASCADE
) {strict};
CREATE INDEX message_versions_by_age ON message_versions (replaced_at);
