-- What was written by those who are not heard: see `communication/shadows.rs`. In no order with `messages`, whose numbers it leaves alone.

CREATE TABLE shadow_messages (
    id          {id}   NOT NULL,
    room_id     {id}   NOT NULL,
    seq         {i64}  NOT NULL, -- that of the message that came next
    sender_id   {id}   NOT NULL,
    text        {text} NOT NULL, -- kept when the sender deletes it
    attachments {json},
    mentions    {json},
    reply_to    {id},
    version     {i64}  NOT NULL,
    created_at  {time} NOT NULL,
    edited_at   {time},
    deleted_at  {time},
    CONSTRAINT shadow_messages_pkey PRIMARY KEY (id)
) {strict};
CREATE INDEX shadow_messages_in_order ON shadow_messages (room_id, seq);
CREATE INDEX shadow_messages_by_sender ON shadow_messages (sender_id, room_id, seq);
CREATE INDEX shadow_messages_by_age ON shadow_messages (created_at);
