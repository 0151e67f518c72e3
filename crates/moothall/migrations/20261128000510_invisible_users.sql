-- Users who do not want to be seen, until they say otherwise.

CREATE TABLE invisible_users (
    user_id {id} NOT NULL,
    CONSTRAINT invisible_users_pkey PRIMARY KEY (user_id),
    CONSTRAINT invisible_users_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id)
) {strict};
