-- Marks by action, questions among the notes, and what is forgotten in time.

-- A mark that two actions gave is there until both are taken back.
CREATE TABLE action_marks (
    action_id {id}   NOT NULL,
    user_id   {id}   NOT NULL,
    mark      {text} NOT NULL,
    CONSTRAINT action_marks_pkey PRIMARY KEY (action_id, mark)
) {strict};
CREATE INDEX action_marks_by_user ON action_marks (user_id, mark);
INSERT INTO action_marks (action_id, user_id, mark) SELECT action_id, user_id, mark FROM user_marks;
DROP TABLE user_marks;

-- Who asked for a second opinion on a case that is open waits for it, as before.
UPDATE moderation_notes SET kind = 'question' WHERE kind = 'general' AND EXISTS
    (SELECT 1 FROM moderation_cases c
     WHERE c.id = moderation_notes.case_id AND c.second_opinion_by = moderation_notes.author_id AND c.closed_at IS NULL);
CREATE INDEX moderation_notes_by_case ON moderation_notes (case_id, kind) WHERE case_id IS NOT NULL;

CREATE INDEX moderation_cases_closed ON moderation_cases (closed_at) WHERE closed_at IS NOT NULL;
